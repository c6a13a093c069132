// ContainerLogService: who accessed a container, from the exchange log.
import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  ContainerLogService,
  type GetLogStatsRequest,
  type ListLogsRequest,
  ListLogsResponseSchema,
  LogEntrySchema,
  LogStatsSchema,
} from "../../../proto/gen/realmgate/v1/traffic_pb.ts";
import { type EntryStats, viewOf } from "../../exchange-log/entry-view.ts";
import type { ExchangeLogReader } from "../../exchange-log/exchange-log.ts";
import {
  byArrival,
  type EntryFilter,
  EVERY_ENTRY,
  type LogEntry,
  type LogLevel,
} from "../../exchange-log/log-entry.ts";
import type { LogPage, LogQuery } from "../../exchange-log/log-reading.ts";
import { parseAddress } from "../../policy/address.ts";
import type { Implementation } from "../api/dispatch.ts";
import { isoTimeMs } from "../api/iso-time.ts";
import { type PortOf, portOf, type ServerOf } from "./traffic-port.ts";

/** The exchange log of this installation; null: there is none. */
export type LogPort = LogReader | null;

interface LogReader extends ExchangeLogReader {
  /** Counts of the newest entries. */
  stats(
    container: string,
    account: string,
  ): Promise<EntryStats & { readonly missing?: readonly string[] }>;
}

const LIMIT = 100;
/** Reads for one request id: each looks at 5,000 blocks. */
const TURNS_MAX = 200;

export function logService(ports: PortOf<LogPort>, store: ServerOf): Implementation {
  return {
    service: ContainerLogService,
    methods: {
      async listLogs(request: ListLogsRequest, { scope, caller }) {
        const log = await portOf(ports, store, scope, request.id);
        const { id: container, afterId, cursor, limit = LIMIT } = request;
        const query = { container, account: caller.user.id, filter: filterOf(request), limit };
        const before = cursor ? Number(cursor) : null;
        const page = await read(log, (reader) =>
          afterId === undefined
            ? reader.newest(query, before)
            : reader.oldest(query, before ?? Number(afterId)),
        );
        const isForward = afterId !== undefined;
        const entries = (isForward ? page.entries : byArrival(page.entries)).map(message);
        const next = page.next === null ? {} : { cursor: String(page.next) };
        const missing = [...(page.missing ?? [])];
        return { message: create(ListLogsResponseSchema, { entries, missing, ...next }) };
      },

      async getLogStats({ id: container }: GetLogStatsRequest, { scope, caller }) {
        const log = await portOf(ports, store, scope, container);
        const { missing = [], ...stats } = await read(log, (reader) =>
          reader.stats(container, caller.user.id),
        );
        return { message: fromJson(LogStatsSchema, { ...stats, missing: [...missing] }) };
      },
    },
  };
}

/** The entry of a request. Throws ApiError REQUEST_NOT_FOUND; where not all of the log was looked at, PROXY_UNREACHABLE or EXCHANGE_LOG_UNAVAILABLE. */
export async function loggedRequest(
  log: ExchangeLogReader | null,
  { container, account }: Pick<LogQuery, "container" | "account">,
  requestId: string,
): Promise<LogEntry> {
  const query = { container, account, filter: { ...EVERY_ENTRY, requestId }, limit: 1 };
  let before: number | null = null;
  const missing = new Set<string>();
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const page: LogPage = await read(log, (reader) => reader.newest(query, before));
    const [entry] = page.entries;
    if (entry !== undefined) return entry;
    for (const each of page.missing ?? []) missing.add(each);
    if (page.next === null) {
      // It may be in the log of one of those.
      throw new ApiError(
        missing.size > 0 ? ErrorCode.PROXY_UNREACHABLE : ErrorCode.REQUEST_NOT_FOUND,
      );
    }
    if (before !== null && page.next >= before) break;
    before = page.next;
  }
  // It may be in what was not looked at.
  throw new ApiError(ErrorCode.EXCHANGE_LOG_UNAVAILABLE);
}

async function read<Reader, Answer>(
  log: Reader | null,
  ask: (reader: Reader) => Promise<Answer>,
): Promise<Answer> {
  if (log === null) throw new ApiError(ErrorCode.EXCHANGE_LOG_UNAVAILABLE);
  try {
    return await ask(log);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(ErrorCode.EXCHANGE_LOG_UNAVAILABLE);
  }
}

function message(entry: LogEntry) {
  return fromJson(LogEntrySchema, { ...viewOf(entry) } as unknown as JsonValue);
}

function filterOf(request: ListLogsRequest): EntryFilter {
  const { clientIp, status, source } = request;
  const statuses = status === undefined ? null : statusRange(status);
  return {
    requestId: request.requestId ?? null,
    reason: request.reason ?? null,
    group: request.group ?? null,
    client: clientIp === undefined ? null : (parseAddress(clientIp)?.toString() ?? clientIp),
    method: request.method ?? null,
    statusMin: statuses?.[0] ?? null,
    statusMax: statuses?.[1] ?? null,
    level: (request.level as LogLevel | undefined) ?? null,
    fromProgram: source === undefined ? null : source === "backend",
    isAnswered: null,
    sinceMs: timeOf(request.since, "since"),
    untilMs: timeOf(request.until, "until"),
  };
}

/** `401`, or `4xx`. */
function statusRange(status: string): readonly [min: number, max: number] {
  return [Number(status.replace("xx", "00")), Number(status.replace("xx", "99"))];
}

function timeOf(text: string | undefined, field: string): number | null {
  if (text === undefined) return null;
  const ms = isoTimeMs(text);
  if (ms !== null) return ms;
  throw new ApiError(ErrorCode.INVALID_PARAMETER_VALUE, [
    { instancePath: `/${field}`, message: "is no point in time" },
  ]);
}
