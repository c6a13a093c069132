// What responses on their way to clients share.
import type { HeadWriter } from "../../../http1/head-writer.ts";
import type { Log } from "../../../log.ts";
import type { RawPool } from "../../upstream/raw/raw-pool.ts";

/** What all connections of an edge share. Each head is written in one go. */
export interface RelayServices {
  readonly pool: RawPool;
  /** Towards upstreams, and towards clients. */
  readonly upstreamWriter: HeadWriter;
  readonly clientWriter: HeadWriter;
  /** The response-header timeout, in milliseconds. */
  readonly responseHeaderMs: number;
  readonly log: Log;
}
