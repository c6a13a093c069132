import { Buffer } from "node:buffer";

const ID_BYTES = 12;
const ID_DIGITS = ID_BYTES * 2;
/** Few enough that an id which is kept for long, and with it the digits of its batch, is small. */
const BATCH = 32;

const random = Buffer.alloc(ID_BYTES * BATCH);
let digits = "";
let used = 0;

/** 96 random bits as 24 hex digits; randomness is drawn for many at a time. */
export function requestId(): string {
  if (used === digits.length) {
    crypto.getRandomValues(random);
    digits = random.toString("hex");
    used = 0;
  }
  used += ID_DIGITS;
  return digits.slice(used - ID_DIGITS, used);
}
