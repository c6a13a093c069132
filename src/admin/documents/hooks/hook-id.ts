// Hook ids: ULIDs in lower case, so that they sort by the time they were made.
import { randomBytes } from "node:crypto";

/** Crockford's digits: no i, l, o and u. */
const digits = "0123456789abcdefghjkmnpqrstvwxyz";
const length = 26;
const randomBits = 80n;

/** A new id: 48 bits of time in milliseconds, then 80 random ones. Those of one millisecond are in no order. */
export function newHookId(nowMs: number): string {
  const random = BigInt(`0x${randomBytes(Number(randomBits) / 8).toString("hex")}`);
  let rest = (BigInt(nowMs) << randomBits) | random;
  let id = "";
  while (id.length < length) {
    id = `${digits[Number(rest & 31n)]}${id}`;
    rest >>= 5n;
  }
  return id;
}
