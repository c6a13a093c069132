import { Buffer } from "node:buffer";

const ID_BYTES = 12;
const BATCH = 512;

const pool = Buffer.alloc(ID_BYTES * BATCH);
let used = pool.length;

/** 96 random bits as 24 hex digits; randomness is drawn for many at a time. */
export function requestId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.toString("hex", used - ID_BYTES, used);
}
