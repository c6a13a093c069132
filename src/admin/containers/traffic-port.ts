// Where what goes on at a container is known: in this process, or at the proxies of its server.
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Scope } from "../store/records.ts";
import type { Store } from "../store/store.ts";

/** The same for all containers, or by the name of their server. */
export type PortOf<Port> = Port | ((server: string) => Port);

export type ServerOf = Pick<Store, "container">;

/** Throws ApiError CONTAINER_NOT_FOUND. */
export async function portOf<Port extends object | null>(
  ports: PortOf<Port>,
  store: ServerOf,
  scope: Scope,
  id: string,
): Promise<Port> {
  if (typeof ports !== "function") return ports;
  const container = await store.container(scope, id);
  if (container === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
  return ports(container.serverName);
}

/** A proxy that would know does not answer. */
export function unreachable(message: string): ApiError {
  return new ApiError(ErrorCode.PROXY_UNREACHABLE, [{ instancePath: "", message }]);
}
