// What operators see of the snapshot that is enforced.
import type { Enforcer } from "../snapshot/enforcement.ts";
import type { Instruments } from "./instruments.ts";

export function snapshotSeries(
  instruments: Instruments,
  enforcer: Pick<Enforcer, "state" | "saved">,
): void {
  const startedMs = Date.now();
  instruments.gauge(
    "realmgate_snapshot_age_seconds",
    "How long ago the control plane was heard, maybe by an earlier process; since the start when it never was.",
    () => Math.max(0, Date.now() - (enforcer.state.heardAtMs ?? startedMs)) / 1000,
    "max",
  );
  instruments.gauge(
    "realmgate_snapshot_from_file",
    "1: what is enforced comes from the saved snapshot, the control plane was not heard yet.",
    () => (enforcer.state.from === "file" ? 1 : 0),
    "max",
  );
  instruments.gauge(
    "realmgate_snapshot_closed",
    "1: nothing is allowed, the control plane was not heard for too long.",
    () => (enforcer.state.closed === null ? 0 : 1),
    "max",
  );
  if (enforcer.saved === null) {
    return;
  }
  instruments.gauge(
    "realmgate_snapshot_saved_revision",
    "The revision that this process saved last. 0: none.",
    () => Number(enforcer.saved?.revision ?? 0n),
    "max",
  );
  instruments.gauge(
    "realmgate_snapshot_saved_bytes",
    "Size of that file.",
    () => enforcer.saved?.bytes ?? 0,
    "max",
  );
  instruments.counter(
    "realmgate_snapshot_save_failures_total",
    "Snapshots that could not be saved.",
    () => enforcer.saved?.failures ?? 0,
  );
}
