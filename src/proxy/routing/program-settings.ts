// How the gate speaks with a program: what operators say beside its port.
import type { ProgramPort } from "../../../proto/gen/realmgate/v1/containers_pb.ts";

export interface ProgramSettings {
  /** The program gets the address and port that are dialled as Host, not what the client sent. */
  readonly hostIsUpstream: boolean;
  /** How long it may take to begin its response, in milliseconds; null: as long as any other. */
  readonly responseHeaderMs: number | null;
  /** It speaks HTTP/2 in plain text with prior knowledge (RFC 9113 §3.3), not HTTP/1.1. Without meaning where it is asked over TLS. */
  readonly isH2c: boolean;
}

/** What holds unless an operator says otherwise: always this very object. */
export const DEFAULT_SETTINGS: ProgramSettings = Object.freeze({
  hostIsUpstream: false,
  responseHeaderMs: null,
  isH2c: false,
});

const TIMEOUT_MAX_S = 3_600;

/** Values out of range count as unset. */
export function settingsOf({
  host,
  responseTimeoutS: seconds,
  protocol,
}: Partial<Pick<ProgramPort, "host" | "responseTimeoutS" | "protocol">>): ProgramSettings {
  const hostIsUpstream = host === "upstream";
  const isH2c = protocol === "h2c";
  const hasTimeout =
    seconds !== undefined && Number.isInteger(seconds) && seconds >= 1 && seconds <= TIMEOUT_MAX_S;
  return hostIsUpstream || hasTimeout || isH2c
    ? { hostIsUpstream, responseHeaderMs: hasTimeout ? seconds * 1000 : null, isH2c }
    : DEFAULT_SETTINGS;
}
