// The error table (errors.proto) as lookups.
import { getOption } from "@bufbuild/protobuf";
import { ErrorCode, ErrorCodeSchema, type Refusal, refusal } from "./gen/realmgate/v1/errors_pb.ts";

interface Row extends Refusal {
  /** The machine code on the wire: the table's own, or the enum value's name without its prefix. Codes may share one. */
  readonly code: string;
}

const prefix = "ERROR_CODE_";

const rows: ReadonlyMap<ErrorCode, Row> = new Map(
  ErrorCodeSchema.values
    .filter((value) => value.number !== ErrorCode.UNSPECIFIED)
    .map((value) => {
      const row = getOption(value, refusal);
      const code = row.code || value.name.slice(prefix.length);
      return [value.number as ErrorCode, { ...row, code }];
    }),
);

/** How a code looks on each wire. A code outside the table is a fault of ours and looks like one. */
export function refusalOf(code: ErrorCode): Row {
  const row = rows.get(code) ?? rows.get(ErrorCode.INTERNAL_ERROR);
  if (row === undefined) throw new Error("the error table has no INTERNAL_ERROR");
  return row;
}

/** Every code with its row; for documentation and tests. */
export function allRefusals(): Iterable<readonly [ErrorCode, Row]> {
  return rows;
}
