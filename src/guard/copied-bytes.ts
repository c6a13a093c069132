/** A copy of a part. `slice` of a Buffer, which what sockets bring is, would be another view of the same memory. */
export function copiedBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
