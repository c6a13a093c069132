// Lookups in the error table of the contract (errors.proto).
import { getOption } from "@bufbuild/protobuf";
import { ErrorCode, ErrorCodeSchema, type Refusal, refusal } from "./gen/realmgate/v1/errors_pb.ts";

interface ErrorRow extends Refusal {
  /** The machine code on the wire: `code` of the table, or the enum value's name. Several values may share one. */
  readonly code: string;
}

const prefix = "ERROR_CODE_";

const rows: ReadonlyMap<ErrorCode, ErrorRow> = new Map(
  ErrorCodeSchema.values
    .filter((value) => value.number !== ErrorCode.UNSPECIFIED)
    .map((value) => {
      const row = getOption(value, refusal);
      const code = row.code || value.name.slice(prefix.length);
      return [value.number as ErrorCode, { ...row, code }];
    }),
);

/** The wire form of a code. A code missing from the table is a bug and appears as INTERNAL_ERROR. */
export function refusalOf(code: ErrorCode): ErrorRow {
  const row = rows.get(code) ?? rows.get(ErrorCode.INTERNAL_ERROR);
  if (row === undefined) throw new Error("the error table has no INTERNAL_ERROR");
  return row;
}

/** Every code with its row, for documentation and tests. */
export function allRefusals(): Iterable<readonly [ErrorCode, ErrorRow]> {
  return rows;
}
