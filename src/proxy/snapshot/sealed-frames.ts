// Frames of the snapshot file. Each is bound to its file and to all frames before it: none can be changed, moved, dropped between
// others, or replaced by one that stood there earlier. Only the end can be cut off, and that is a state that once was.
import { readSync } from "node:fs";
import { type Box, HEADER_BYTES, LENGTH_BYTES } from "./snapshot-codec.ts";

/** The last bytes of a sealed frame: its authentication tag. */
const TAG_BYTES = 16;
/** Longer than any: a message of the feed, which a record is a part of, has 16 MiB at most. */
const SEALED_BYTES_MAX = 64 * 1024 * 1024;

/** What the next frame is bound to. */
export interface ChainPlace {
  readonly index: number;
  readonly previous: string;
}

export class FrameChain {
  readonly #box: Box;
  readonly #header: string;
  #place: ChainPlace = { index: 0, previous: "" };

  constructor(box: Box, header: Buffer) {
    this.#box = box;
    this.#header = header.toString("hex");
  }

  get place(): ChainPlace {
    return this.#place;
  }

  /** Goes back: the frames after this place are not there. */
  back(place: ChainPlace): void {
    this.#place = place;
  }

  /** The next frame, with its length before it. */
  seal(plain: Buffer): Buffer {
    const sealed = this.#box.seal(plain, this.#context);
    this.#follow(sealed);
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32BE(sealed.length);
    return Buffer.concat([length, sealed]);
  }

  /** What the next frame says; null: it is not the next frame. */
  open(sealed: Buffer): Buffer | null {
    const plain = this.#box.open(sealed, this.#context);
    if (plain !== null) this.#follow(sealed);
    return plain;
  }

  get #context(): string {
    return `${this.#header}/${this.#place.index}/${this.#place.previous}`;
  }

  #follow(sealed: Buffer): void {
    const previous = sealed.subarray(-TAG_BYTES).toString("hex");
    this.#place = { index: this.#place.index + 1, previous };
  }
}

/** A frame as it lies in a file; `end`: it ends in the middle of a frame, as after a crash; `damaged`: this is no frame. */
export type RawFrame =
  | { readonly kind: "frame"; readonly sealed: Buffer; readonly end: number }
  | { readonly kind: "end" }
  | { readonly kind: "cut" }
  | { readonly kind: "damaged" };

/** The frame that begins at `at`. Throws when the file cannot be read. */
export function readFrame(fd: number, at: number): RawFrame {
  const head = bytesAt(fd, at, LENGTH_BYTES);
  if (head.length === 0) return { kind: "end" };
  if (head.length < LENGTH_BYTES) return { kind: "cut" };
  const length = head.readUInt32BE();
  if (length > SEALED_BYTES_MAX) return { kind: "damaged" };
  const sealed = bytesAt(fd, at + LENGTH_BYTES, length);
  if (sealed.length < length) return { kind: "cut" };
  return { kind: "frame", sealed, end: at + LENGTH_BYTES + length };
}

export function headerOf(fd: number): Buffer {
  return bytesAt(fd, 0, HEADER_BYTES);
}

/** Fewer where the file ends before. */
function bytesAt(fd: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let read = 0;
  while (read < length) {
    const more = readSync(fd, bytes, read, length - read, at + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}
