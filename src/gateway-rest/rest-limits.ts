// What one client of the REST listener may use.
import type { RelayLimits } from "../guard/relayed.ts";

export interface RestLimits extends Omit<RelayLimits, "isShared"> {
  /** Idle limit of a connection between requests and while reading one, in seconds. */
  readonly idleS: number;
  /** How many bytes of a body have to come in each window of time; the last one may have fewer. */
  readonly paceBytes: number;
  readonly paceMs: number;
  /** How long answers may take to reach their clients when the server stops, in milliseconds. */
  readonly flushMs: number;
}

const kib = 1024;
const second = 1000;

export const restLimits: RestLimits = {
  connectionsMax: 512,
  perNetworkMax: 256,
  firstByteMs: 10 * second,
  // More than the server's own idle limit.
  silentMs: 60 * second,
  bytesPerTurn: kib,
  // An upload of 100 MB over a slow line still has its end cut off; its answer has come long before.
  lingerMs: 30 * second,
  lingerBytes: 256 * kib * kib,
  idleS: 30,
  paceBytes: 4 * kib,
  paceMs: 10 * second,
  flushMs: second,
};
