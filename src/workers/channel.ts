// Messages between two processes over a socket that only they have: one JSON text a line, calls with answers both ways.

/** By kind: what is asked, and what is answered. Values that JSON carries. */
export type Calls = Readonly<Record<string, { readonly asked: unknown; readonly answer: unknown }>>;

/** Answers calls of the other end. May throw or reject: that is passed on by its message. */
export type Handlers<In extends Calls> = {
  readonly [Kind in keyof In]: (
    asked: In[Kind]["asked"],
  ) => In[Kind]["answer"] | Promise<In[Kind]["answer"]>;
};

/** The other end is gone, or does not read. */
export class ChannelClosed extends Error {}

/** What the other end answered instead: `code` says which of the failures that it knows. */
export class CallFailed extends Error {
  readonly code: string | null;

  constructor(message: string, code: string | null) {
    super(message);
    this.code = code;
  }
}

export interface ChannelOptions<In extends Calls> {
  /** A connected socket, which this takes over. */
  readonly descriptor: number;
  readonly handlers: Handlers<In>;
  /** Called once, when the other end is gone. */
  readonly closed: () => void;
}

type Line =
  | { readonly call: number; readonly kind: string; readonly asked: unknown }
  | { readonly answered: number; readonly value: unknown }
  | { readonly failed: number; readonly message: string; readonly code: string | null };

interface Waiter {
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** Who has not read so much is stuck. */
const UNREAD_BYTES_MAX = 64 * 1024 * 1024;
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const LINE_END = 0x0a;

export class Channel<Out extends Calls, In extends Calls> {
  readonly #options: ChannelOptions<In>;
  readonly #waiters = new Map<number, Waiter>();
  #socket: Bun.Socket<undefined> | null = null;
  /** Of a line that has not come whole. */
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #calls = 0;
  #isClosed = false;

  private constructor(options: ChannelOptions<In>) {
    this.#options = options;
  }

  static async open<Out extends Calls, In extends Calls>(
    options: ChannelOptions<In>,
  ): Promise<Channel<Out, In>> {
    const channel = new Channel<Out, In>(options);
    const close = () => channel.close();
    channel.#socket = await Bun.connect<undefined>({
      // The types of the runtime know it of node:net only.
      ...({ fd: options.descriptor } as unknown as { readonly unix: string }),
      socket: {
        data: (_, chunk) => channel.#take(chunk),
        drain: () => channel.#flush(),
        end: close,
        close,
        error: close,
      },
    });
    channel.#flush();
    return channel;
  }

  /** Rejects with CallFailed, or with ChannelClosed when the other end goes before it has answered. */
  ask<Kind extends keyof Out & string>(
    kind: Kind,
    asked: Out[Kind]["asked"],
  ): Promise<Out[Kind]["answer"]> {
    if (this.#isClosed) return Promise.reject(new ChannelClosed("the other process is gone"));
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiters.set(call, { resolve, reject });
      this.#send({ call, kind, asked });
    });
  }

  /** Asks, and does not care for the answer. */
  tell<Kind extends keyof Out & string>(kind: Kind, asked: Out[Kind]["asked"]): void {
    void this.ask(kind, asked).catch(() => {});
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket?.terminate();
    for (const { reject } of this.#waiters.values()) {
      reject(new ChannelClosed("the other process is gone"));
    }
    this.#waiters.clear();
    this.#unsent = [];
    this.#options.closed();
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(LINE_END); end !== -1; end = rest.indexOf(LINE_END)) {
      const line = Buffer.concat([...this.#received, rest.subarray(0, end)]);
      this.#received = [];
      this.#receivedBytes = 0;
      rest = rest.subarray(end + 1);
      this.#hear(JSON.parse(line.toString()));
    }
    if (rest.length === 0) return;
    // The runtime uses its buffer again.
    this.#received.push(Buffer.from(rest));
    this.#receivedBytes += rest.length;
    if (this.#receivedBytes > LINE_BYTES_MAX) this.close();
  }

  #hear(line: Line): void {
    if ("call" in line) {
      void this.#answer(line.call, line.kind, line.asked);
      return;
    }
    const number = "answered" in line ? line.answered : line.failed;
    const waiter = this.#waiters.get(number);
    this.#waiters.delete(number);
    if ("answered" in line) waiter?.resolve(line.value as never);
    else waiter?.reject(new CallFailed(line.message, line.code));
  }

  async #answer(call: number, kind: string, asked: unknown): Promise<void> {
    try {
      const handler = this.#options.handlers[kind];
      if (handler === undefined) throw new Error(`${kind} is unknown here`);
      this.#send({ answered: call, value: (await handler(asked)) ?? null });
    } catch (error) {
      const { message } = error instanceof Error ? error : new Error(String(error));
      const { code } = error as { readonly code?: unknown };
      this.#send({ failed: call, message, code: typeof code === "string" ? code : null });
    }
  }

  #send(line: Line): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes > UNREAD_BYTES_MAX) this.close();
    else if (this.#unsent.length === 1) this.#flush();
  }

  #flush(): void {
    if (this.#socket === null) return;
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const written = Math.max(0, this.#socket.write(next));
      this.#unsentBytes -= written;
      if (written < next.length) {
        this.#unsent[0] = next.subarray(written);
        return;
      }
      this.#unsent.shift();
    }
  }
}
