type Hash = (value: string, place: number | string) => string;

/** Text is taken byte by byte: a nondeterministic collation would hash its sort key. */
export const textHash: Hash = (value, place) => `hashtextextended(${value} collate "C", ${place})`;

/**
 * PostgreSQL's hash of an array takes its elements one after the other, and neither its dimensions nor where they begin; an element that
 * is NULL takes no seed, so that an array of those would be the same in every place.
 */
const arrayHash =
  (collated = ''): Hash =>
  (value, place) => {
    const elements = `hash_array_extended(${value}${collated}, ${place}) # hashint4extended(${place}, 0)`;
    const shaped = `case when array_ndims(${value}) > 1 then ${textHash(`array_dims(${value})`, elements)} else ${elements} end`;
    return `hashint4extended(coalesce(array_lower(${value}, 1), 0), ${shaped})`;
  };

/** Types with a hash function that tells all their values apart, by pg_type.oid; `place` makes each column's hash another one. */
export const hashed: Readonly<Record<number, Hash>> = {
  16: (value, place) => `hashint4extended(${value}::int, ${place})`, // boolean
  // hashint8 folds 64 bits into 32, so that 1 and 4294967296 hash alike; as a seed the whole number counts.
  20: (value, place) => `hashint4extended(${place}, ${value})`, // bigint
  21: (value, place) => `hashint2extended(${value}, ${place})`, // smallint
  23: (value, place) => `hashint4extended(${value}, ${place})`, // integer
  25: textHash, // text
  26: (value, place) => `hashoidextended(${value}, ${place})`, // oid
  1043: textHash, // varchar
  2950: (value, place) => `uuid_hash_extended(${value}, ${place})`, // uuid
  // boolean bytea "char" name smallint integer oid macaddr macaddr8 inet cidr date uuid
  ...Object.fromEntries(
    [1000, 1001, 1002, 1003, 1005, 1007, 1028, 1040, 775, 1041, 651, 1182, 2951].map((typeId) => [typeId, arrayHash()] as const),
  ),
  ...Object.fromEntries([1009, 1015].map((typeId) => [typeId, arrayHash(' collate "C"')] as const)), // text varchar
};

/**
 * Types that are hashed as items of a record: as they are where the type's own hash is exact, else by the bytes of the wire
 * format (-0 = 0, blanks of char(n), and times and LSNs, which are folded like bigint).
 */
export const items: Readonly<Record<number, (value: string) => string>> = {
  ...Object.fromEntries([17, 18, 19, 650, 774, 829, 869, 1082].map((typeId) => [typeId, (value: string) => value])), // bytea "char" name cidr macaddr8 macaddr inet date
  700: (value) => `float4send(${value})`,
  701: (value) => `float8send(${value})`,
  1042: (value) => `bpcharsend(${value})`,
  1083: (value) => `time_send(${value})`,
  1114: (value) => `timestamp_send(${value})`,
  1184: (value) => `timestamptz_send(${value})`,
  1266: (value) => `timetz_send(${value})`,
  3220: (value) => `pg_lsn_send(${value})`,
};
