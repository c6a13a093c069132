// Frames of HTTP/2 as bytes, for clients that do what no library would.

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** One frame (RFC 9113 §4.1). */
export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** Of a call without credentials: `POST`, `http`, and literals that are not indexed (RFC 7541 §6.2.2). */
export function callHeaders(path: string): Buffer {
  const fields = {
    ":path": path,
    ":authority": "x",
    "content-type": "application/grpc",
    te: "trailers",
  };
  const literals = Object.entries(fields).map(([name, value]) =>
    Buffer.concat([
      Buffer.from([0, name.length]),
      Buffer.from(name),
      Buffer.from([value.length]),
      Buffer.from(value),
    ]),
  );
  return Buffer.concat([Buffer.from([0x83, 0x86]), ...literals]);
}

/** A DATA payload that begins a message of this length. */
export function messageStart(length: number, bytes: number): Buffer {
  const data = Buffer.alloc(bytes, 1);
  data.writeUInt8(0, 0);
  data.writeUInt32BE(length, 1);
  return data;
}
