// What one client of the gRPC listener, and all of them together, may use.
import type { Http2Limits } from "../../guard/http2-guard.ts";
import type { RelayLimits } from "../../guard/relayed.ts";

export interface GrpcLimits extends Http2Limits, Omit<RelayLimits, "isShared"> {
  /** Maximum request message in bytes. The largest document that REST accepts fits in binary form. */
  readonly messageBytesMax: number;
  /** How long a message may take to arrive once it is wanted, in milliseconds. */
  readonly messageMs: number;
  /** Bytes of requests that are not complete, over all connections. */
  readonly unfinishedBytesSumMax: number;
  /** Bytes of replies that clients have not taken yet, over all connections: beyond it the largest of the network with the most ends. */
  readonly unsentBytesSumMax: number;
  /** The same of replies by health and reflection, which anybody may ask. */
  readonly openUnsentBytesSumMax: number;
  /** What such a reply counts for at least, in bytes: the questions behind it are a window, some of it taken apart. */
  readonly openUnsentCostMin: number;
  /** How long a client may take for one reply, in milliseconds. */
  readonly replyMs: number;
  /** Calls of one connection at a time. */
  readonly streamsMax: number;
  readonly metadataBytesMax: number;
  /** How long a connection may be used, and how long its calls may go on then, in milliseconds. */
  readonly ageMs: number;
  readonly ageGraceMs: number;
  /** How often the client is asked whether it is still there, and how long it may take to answer, in milliseconds. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** How long answers may take to reach their clients when the server stops, in milliseconds. */
  readonly flushMs: number;
}

const kib = 1024;
const second = 1000;
const minute = 60 * second;

export const grpcLimits: GrpcLimits = {
  connectionsMax: 512,
  perNetworkMax: 256,
  firstByteMs: 10 * second,
  silentMs: 5 * minute,
  bytesPerTurn: kib,
  lingerMs: 2 * second,
  lingerBytes: 1024 * kib,
  prefaceMs: 10 * second,
  firstRequestMs: 30 * second,
  requestMs: 30 * second,
  headerBlockMs: 30 * second,
  frameCostBytes: 0,
  // The server announces no other size than the protocol's.
  frameBytesMax: 16 * kib,
  headerBlockBytesMax: 32 * kib,
  // A client that does not know the server's limit yet may open more: those are refused one by one.
  requestsMax: 1024,
  // Four messages that are read, and as many windows of 64 KiB as there are streams.
  unfinishedBytesMax: 5 * kib * kib,
  unfinishedBytesSumMax: 32 * kib * kib,
  unsentBytesSumMax: 128 * kib * kib,
  openUnsentBytesSumMax: 32 * kib * kib,
  openUnsentCostMin: 64 * kib,
  replyMs: 2 * minute,
  messageBytesMax: 512 * kib,
  messageMs: 20 * second,
  streamsMax: 32,
  metadataBytesMax: 16 * kib,
  idleMs: 5 * minute,
  ageMs: 60 * minute,
  ageGraceMs: minute,
  keepaliveMs: minute,
  keepaliveTimeoutMs: 20 * second,
  flushMs: second,
};
