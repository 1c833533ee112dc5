// How PostgreSQL's values become JavaScript's: only what JavaScript can hold exactly is parsed, the rest stays text.
import pg from 'pg'

type Parser = (text: string) => unknown

const oids = pg.types.builtins
const arrayOf = {
  bool: 1000,
  bytea: 1001,
  int2: 1005,
  int4: 1007,
  text: 1009,
  varchar: 1015,
  float4: 1021,
  float8: 1022,
}

/** Types whose values JavaScript holds exactly; bytea becomes a Buffer. */
const exact = new Set<number>([
  oids.BOOL,
  oids.BYTEA,
  oids.INT2,
  oids.INT4,
  oids.OID,
  oids.FLOAT4,
  oids.FLOAT8,
  ...Object.values(arrayOf),
])

/** Arrays whose elements stay text: int8, json, jsonb, uuid, name, date, timestamp, timestamptz, numeric. */
const textArrays = new Set<number>([1016, 199, 3807, 2951, 1003, 1182, 1115, 1185, 1231])

const asText: Parser = (text) => text

/**
 * Type parsers for `pg`. int8 and numeric would be rounded, times would be read in the local zone and documents would lose
 * digits (design D11, D13), so none of them is parsed.
 */
export const valueTypes = {
  getTypeParser(oid: number, format?: string): Parser {
    const known = format === 'binary' || exact.has(oid) ? oid : textArrays.has(oid) ? arrayOf.text : null
    return known === null ? asText : (pg.types.getTypeParser(known, format === 'binary' ? 'binary' : 'text') as Parser)
  },
}
