import type { Session } from '../session.ts';

/** One line of a side's list: what there is, and its canonical text. Never an oid. */
export interface Item {
  readonly kind: string;
  readonly schema: string | null;
  /** The table or view that it belongs to. */
  readonly relation: string | null;
  readonly object: string;
  /** For people. */
  readonly text: string;
  /** What is compared. */
  readonly compared: string;
}

/** What a list depends on: which catalogues its server has, and what the two servers have in common. */
export interface Versions {
  readonly own: number;
  readonly lowest: number;
  readonly highest: number;
}

/**
 * A query that lists one or more kinds. It gives columns `kind`, `schema`, `relation`, `prefix`, `parts` (names), `suffix`,
 * `text` and `deparsed`: that the text was printed from a parse tree, which 16 does with fewer qualifiers than 15.
 */
export type ListQuery = string | ((versions: Versions) => string);

export interface Line extends Record<string, unknown> {
  readonly kind: string;
  readonly schema: string | null;
  readonly relation: string | null;
  readonly prefix: string | null;
  readonly parts: readonly string[];
  readonly suffix: string | null;
  readonly text: string | null;
  readonly deparsed: boolean;
}

/**
 * Runs a list with every identifier quoted: which names need quotes depends on the version's keywords. `parameters` are the
 * roles whose grants are not compared.
 */
export async function linesOf(session: Session, query: string, ignoredGrantees: readonly string[]): Promise<readonly Line[]> {
  return session.query<Line>(query, query.includes('$1') ? [ignoredGrantees] : []);
}
