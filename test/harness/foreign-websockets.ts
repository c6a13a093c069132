// WebSockets of another make: both ends in a Node process, driven from here.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linesOf } from "./process-lines.ts";

/** Null: there is none, and what needs it has to be skipped. */
export const node = Bun.which("node");
if (node === null) {
  console.warn("SKIPPED: no `node` here, so no WebSocket is tested against a foreign one");
}

/** What happened at one end. */
export interface Happening {
  readonly event: string;
  readonly text?: string | null;
  readonly hex?: string | null;
  readonly bytes?: number;
  readonly isBinary?: boolean;
  readonly sha256?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly url?: string;
  readonly protocol?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly raw?: readonly string[];
}

const WAIT_MS = 20_000;

/** One end of a WebSocket in the other process. */
export class FarEnd {
  readonly happenings: Happening[] = [];
  readonly #do: (command: object) => void;
  /** By kind: how many were asked for. */
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  constructor(perform: (command: object) => void) {
    this.#do = perform;
  }

  do(op: string, what: object = {}): void {
    this.#do({ op, ...what });
  }

  /** For the process that tells. */
  happened(happening: Happening): void {
    this.happenings.push(happening);
    for (const look of this.#waiting) {
      look();
    }
  }

  all(event: string): Happening[] {
    return this.happenings.filter((happening) => happening.event === event);
  }

  /** The first of this kind that was not asked for yet. */
  async next(event: string): Promise<Happening> {
    const place = this.#seen.get(event) ?? 0;
    this.#seen.set(event, place + 1);
    return this.until(
      () => this.all(event)[place] ?? null,
      () => `no ${event} but ${JSON.stringify(this.happenings.slice(-5))}`,
    );
  }

  async until<T>(
    look: () => T | null,
    complaint: () => string = () => "nothing happened",
  ): Promise<T> {
    const now = look();
    if (now !== null) {
      return now;
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const check = () => {
      const value = look();
      if (value !== null) {
        resolve(value);
      }
    };
    const timer = setTimeout(() => reject(new Error(complaint())), WAIT_MS);
    this.#waiting.add(check);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(check);
    }
  }
}

export interface OpenOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
}

export class ForeignWebSockets implements AsyncDisposable {
  /** Of the upstream: it chooses the last of the protocols it is offered, and sets two cookies. */
  readonly port: number;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #ends = new Map<string, FarEnd>();
  /** Upstream ends by the path they were opened with. */
  readonly #byPath = new Map<string, PromiseWithResolvers<FarEnd>>();
  #opened = 0;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<ForeignWebSockets> {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-foreign-"));
    const built = await Bun.build({
      entrypoints: [join(import.meta.dir, "foreign-websockets.node.ts")],
      target: "node",
      outdir: folder,
      naming: "main.mjs",
    });
    if (!built.success) {
      throw new Error(String(built.logs));
    }
    const child = Bun.spawn([node ?? "node", join(folder, "main.mjs")], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = linesOf(child.stdout);
    const first = await lines.next();
    rmSync(folder, { recursive: true, force: true });
    const foreign = new ForeignWebSockets(child, JSON.parse(first.value ?? "{}").port);
    void foreign.#listen(lines);
    return foreign;
  }

  /** Opens a client; see what `next("open")` or `next("refused")` says. */
  client(url: string, { headers = {}, protocols = [] }: OpenOptions = {}): FarEnd {
    const id = `client-${++this.#opened}`;
    const end = this.#end(id);
    this.#say({ op: "open", id, url, headers, protocols });
    return end;
  }

  /** The upstream's end of what was opened with this path; each path is used once. */
  upstream(path: string): Promise<FarEnd> {
    return this.#arrival(path).promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill();
    await this.#child.exited;
  }

  async #listen(lines: AsyncGenerator<string>): Promise<void> {
    for await (const line of lines) {
      const { id, ...happening } = JSON.parse(line) as Happening & { id: string };
      const end = this.#end(id);
      end.happened(happening);
      if (id.startsWith("upstream") && happening.event === "open") {
        this.#arrival(happening.url ?? "").resolve(end);
      }
    }
  }

  #arrival(path: string): PromiseWithResolvers<FarEnd> {
    const arrival = this.#byPath.get(path) ?? Promise.withResolvers<FarEnd>();
    this.#byPath.set(path, arrival);
    return arrival;
  }

  #end(id: string): FarEnd {
    const end = this.#ends.get(id) ?? new FarEnd((command) => this.#say({ id, ...command }));
    this.#ends.set(id, end);
    return end;
  }

  #say(command: object): void {
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    void this.#child.stdin.flush();
  }
}
