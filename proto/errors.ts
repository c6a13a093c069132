// The error table (errors.proto) as lookups.
import { getOption } from "@bufbuild/protobuf";
import { ErrorCode, ErrorCodeSchema, type Refusal, refusal } from "./gen/realmgate/v1/errors_pb.ts";

interface Row extends Refusal {
  /** The machine code on the wire, without the enum's prefix. */
  readonly code: string;
}

const prefix = "ERROR_CODE_";

const rows: ReadonlyMap<ErrorCode, Row> = new Map(
  ErrorCodeSchema.values
    .filter((value) => value.number !== ErrorCode.UNSPECIFIED)
    .map((value) => [
      value.number as ErrorCode,
      { ...getOption(value, refusal), code: value.name.slice(prefix.length) },
    ]),
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
