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

/** -0 = 0, which only the text tells apart; a NaN that was computed has other bits than one that was read. */
const floatHash =
  (name: 'float4' | 'float8'): Hash =>
  (value, place) =>
    `case ${value} when '0' then ${textHash(`${value}::text`, place)} when 'NaN' then ${textHash(`'NaN'`, place)} else hash${name}extended(${value}, ${place}) end`;

/** Types with a hash function that tells all their values apart, by pg_type.oid; `place` makes each column's hash another one. */
export const hashed: Readonly<Record<number, Hash>> = {
  16: (value, place) => `hashint4extended(${value}::int, ${place})`, // boolean
  18: (value, place) => `hashcharextended(${value}, ${place})`, // "char"
  19: (value, place) => `hashnameextended(${value}, ${place})`, // name
  // hashint8 folds 64 bits into 32, so that 1 and 4294967296 hash alike; as a seed the whole number counts.
  20: (value, place) => `hashint4extended(${place}, ${value})`, // bigint
  21: (value, place) => `hashint2extended(${value}, ${place})`, // smallint
  23: (value, place) => `hashint4extended(${value}, ${place})`, // integer
  25: textHash, // text
  26: (value, place) => `hashoidextended(${value}, ${place})`, // oid
  700: floatHash('float4'), // real
  701: floatHash('float8'), // double precision
  650: (value, place) => `hashinetextended(${value}, ${place})`, // cidr
  774: (value, place) => `hashmacaddr8extended(${value}, ${place})`, // macaddr8
  829: (value, place) => `hashmacaddrextended(${value}, ${place})`, // macaddr
  869: (value, place) => `hashinetextended(${value}, ${place})`, // inet
  1043: textHash, // varchar
  2950: (value, place) => `uuid_hash_extended(${value}, ${place})`, // uuid
  // boolean bytea "char" name smallint integer oid macaddr macaddr8 inet cidr date uuid
  ...Object.fromEntries(
    [1000, 1001, 1002, 1003, 1005, 1007, 1028, 1040, 775, 1041, 651, 1182, 2951].map((typeId) => [typeId, arrayHash()] as const),
  ),
  ...Object.fromEntries([1009, 1015].map((typeId) => [typeId, arrayHash(' collate "C"')] as const)), // text varchar
};

/**
 * Types that are hashed by their bytes, all of a row's in one array: bytea has no hash function of its own in SQL. The wire format of
 * what hashes unequal values alike: char(n) (its blanks), numeric (its scale), times and LSNs (64 bits folded into 32).
 */
export const asBytes: Readonly<Record<number, (value: string) => string>> = {
  17: (value) => value, // bytea
  1042: (value) => `bpcharsend(${value})`,
  1082: (value) => `date_send(${value})`,
  1083: (value) => `time_send(${value})`,
  1114: (value) => `timestamp_send(${value})`,
  1184: (value) => `timestamptz_send(${value})`,
  1266: (value) => `timetz_send(${value})`,
  1700: (value) => `numeric_send(${value})`,
  3220: (value) => `pg_lsn_send(${value})`,
};

/** NULL is an element of its own: it changes what comes after it. */
export const bytesHash = (values: readonly string[]): string => `hash_array_extended(array[${values.join(', ')}], 0)`;
