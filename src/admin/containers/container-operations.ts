// ContainerService: operations that change the status of a container, and its status log.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import {
  ContainerOperationSchema,
  type ListStatusLogsRequest,
  ListStatusLogsResponseSchema,
  type OperateContainerRequest,
  type StatusLog as StatusLogMessage,
  StatusLogSchema,
} from "../../../proto/gen/realmgate/v1/containers_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { CallOutcome, Context, Implementation } from "../api/dispatch.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import type { StatusLogColumn } from "../store/paging.ts";
import type { StatusLog } from "../store/records.ts";
import type { Store } from "../store/store.ts";

interface StatusOperation {
  readonly operation: string;
  /** Statuses in which the operation is allowed. */
  readonly from: readonly string[];
  readonly to: string;
  readonly done: string;
}

const startFrom = ["stopped", "failed"];
const stopFrom = ["running", "paused"];

/** By local method name. */
const operations = {
  startContainer: {
    operation: "start",
    from: startFrom,
    to: "running",
    done: "Container started",
  },
  stopContainer: { operation: "stop", from: stopFrom, to: "stopped", done: "Container stopped" },
  forceStopContainer: {
    operation: "force-stop",
    from: stopFrom,
    to: "stopped",
    done: "Container stopped by force",
  },
  restartContainer: {
    operation: "restart",
    from: ["running", "paused", "failed"],
    to: "running",
    done: "Container restarted",
  },
  pauseContainer: {
    operation: "pause",
    from: ["running"],
    to: "paused",
    done: "Container paused",
  },
  resumeContainer: {
    operation: "resume",
    from: ["paused"],
    to: "running",
    done: "Container resumed",
  },
} satisfies Record<string, StatusOperation>;

export function containerOperations(store: Store, cursors: ListCursors): Implementation["methods"] {
  const methods = Object.entries(operations).map(
    ([method, operation]) =>
      [
        method,
        ({ id }: OperateContainerRequest, context: Context) =>
          operate(store, operation, id, context),
      ] as const,
  );
  return {
    ...Object.fromEntries(methods),

    async listStatusLogs(request: ListStatusLogsRequest, { scope }) {
      const list = ["ListStatusLogs", scope.userId, request.id] as const;
      const page = new RequestedPage<StatusLogColumn>(cursors, list, sorting(request), 10);
      const logs = await store.statusLogs(scope, request.id, page.query);
      if (logs === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
      const message = create(ListStatusLogsResponseSchema, {
        logs: logs.items.map(logMessage),
        pagination: page.pagination(logs),
      });
      return { message };
    },
  };
}

async function operate(
  store: Store,
  { operation, from, to, done }: StatusOperation,
  id: string,
  { scope }: Context,
): Promise<CallOutcome> {
  const moved = await store.moveStatus(scope, id, { operation, from, to });
  if (moved === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
  if (moved === "conflict") {
    const message = `must be ${from.join(" or ")} to ${operation}`;
    throw new ApiError(ErrorCode.CONTAINER_STATE_CONFLICT, [{ instancePath: "/status", message }]);
  }
  const { container } = moved;
  const message = create(ContainerOperationSchema, {
    operation,
    containerId: container.id,
    projectId: container.projectId,
    message: done,
    status: container.status,
  });
  return { message, committed: moved };
}

const columns: ReadonlySet<string> = new Set<StatusLogColumn>([
  "transition_time",
  "created_at",
  "to_status",
  "from_status",
]);

/** Unknown columns and directions fall back to the default. */
function sorting({ page, limit, cursor, sortBy, sortOrder }: ListStatusLogsRequest) {
  const order = sortOrder === "asc" ? "asc" : "desc";
  return {
    ...{ page, limit, cursor },
    sortBy: sortBy === undefined || columns.has(sortBy) ? sortBy : "transition_time",
    sortOrder: sortOrder === undefined ? undefined : order,
  };
}

function logMessage({ fromStatus, durationMs, operation, ...rest }: StatusLog): StatusLogMessage {
  const message = create(StatusLogSchema, {
    ...rest,
    metadata: operation === null ? {} : { operation },
  });
  if (fromStatus !== null) message.fromStatus = fromStatus;
  if (durationMs !== null) message.durationMs = durationMs;
  return message;
}
