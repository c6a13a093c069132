// What operators see of bytes that nobody takes.
import type { HeldBytes } from "../../guard/held-bytes.ts";
import type { Instruments } from "./instruments.ts";

export function heldSeries(
  instruments: Instruments,
  held: Pick<HeldBytes, "bytes" | "ended">,
): void {
  instruments.gauge(
    "realmgate_held_bytes",
    "Bytes of bodies and tunnels that are held because a client or a program does not take them.",
    () => held.bytes,
  );
  instruments.counter(
    "realmgate_stalled_exchanges_ended_total",
    "Exchanges and connections that were ended because they stalled and too many bytes were held.",
    () => held.ended,
  );
}
