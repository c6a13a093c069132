// Where the lines of a log go: the end of a file, or stderr.
import { write } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";

export interface LineSink {
  /** Lines come without their ends. Rejects when not all of them could be written. One call at a time. */
  write(lines: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

const STDERR = 2;
/** A pipe takes this much in one piece (PIPE_BUF), so that what others write to stderr stays between lines. */
const PIECE_BYTES_MAX = 4_096;
const AGAIN_MS = 10;
/** How often it is looked whether the file is still the one of that name. */
const LOOK_MS = 1_000;
/** For its owner's eyes only: it says who was where. */
const FILE_MODE = 0o600;

/** Lines between those that others write there. Never closed. */
export class StderrSink implements LineSink {
  async write(lines: readonly string[]): Promise<void> {
    for (const piece of pieces(lines)) {
      await writeAll(STDERR, piece);
    }
  }

  async close(): Promise<void> {}
}

/**
 * Adds to the end of a file. When that was renamed or removed, a new one of the old name is begun within a second: that is all
 * that who rotates logs has to do.
 */
export class FileSink implements LineSink {
  readonly #path: string;
  #file: FileHandle;
  readonly #nowMs: () => number;
  #lookedAtMs: number;
  /** The last write ended within a line. */
  #torn = false;

  private constructor(path: string, file: FileHandle, nowMs: () => number) {
    this.#path = path;
    this.#file = file;
    this.#nowMs = nowMs;
    this.#lookedAtMs = nowMs();
  }

  /** Rejects when the file cannot be opened for writing. `nowMs`: any clock that does not go back. */
  static async open(path: string, nowMs = () => performance.now()): Promise<FileSink> {
    return new FileSink(path, await opened(path), nowMs);
  }

  async write(lines: readonly string[]): Promise<void> {
    await this.#followName();
    const text = Buffer.from(`${this.#torn ? "\n" : ""}${lines.join("\n")}\n`);
    this.#torn = true;
    await writeAll(this.#file.fd, text);
    this.#torn = false;
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #followName(): Promise<void> {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedAtMs < LOOK_MS) {
      return;
    }
    this.#lookedAtMs = nowMs;
    const named = await stat(this.#path).catch(() => null);
    const held = await this.#file.stat();
    if (named === null || named.ino !== held.ino || named.dev !== held.dev) {
      const before = this.#file;
      this.#file = await opened(this.#path);
      this.#torn = false;
      await before.close();
    }
  }
}

function opened(path: string): Promise<FileHandle> {
  return open(path, "a", FILE_MODE);
}

/** As many whole lines as fit into a piece; a line that does not is a piece of its own. */
function* pieces(lines: readonly string[]): Generator<Buffer> {
  let piece = "";
  for (const line of lines) {
    if (piece !== "" && piece.length + line.length + 1 > PIECE_BYTES_MAX) {
      yield Buffer.from(piece);
      piece = "";
    }
    piece += `${line}\n`;
  }
  if (piece !== "") {
    yield Buffer.from(piece);
  }
}

async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += await written(fd, bytes.subarray(done));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") {
        throw error;
      }
      await Bun.sleep(AGAIN_MS);
    }
  }
}

function written(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
