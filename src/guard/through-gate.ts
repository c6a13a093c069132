// Requests that a gate has passed on, as to a program of a container: a container must not be a way to the API. A gate never
// dials listeners of its own process; those of its neighbours know by this who calls.
import { containersParent } from "../policy/containers-domain.ts";
import { isOfThisMachine } from "./this-machine.ts";

/** Every gate sets it, and takes it from its clients. */
export const PROGRAM_FIELD = "x-realmgate-program";

export interface Arrived {
  /** `X-Realmgate-Program`; null: it is absent. */
  readonly program: string | null;
  /** `Host` or `:authority`, and `X-Forwarded-Host`. */
  readonly hosts: readonly (string | null)[];
  /** IP address of the other end of the connection. */
  readonly peer: string;
}

/**
 * Whether it came through a gate of this machine, or of this installation: as to a host under `containers.<domain>`. Somebody else's
 * gate may have an API among its programs.
 */
export function cameThroughGate({ program, hosts, peer }: Arrived, domain: string): boolean {
  if (program === null) return false;
  const parent = `.${containersParent(domain)}`;
  const names = hosts.flatMap((host) => (host ?? "").toLowerCase().split(","));
  return (
    isOfThisMachine(peer) ||
    names.some((name) =>
      name
        .trim()
        .replace(/\.?(?::\d*)?$/, "")
        .endsWith(parent),
    )
  );
}
