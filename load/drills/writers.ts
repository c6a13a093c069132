// Clients that write without a pause, and what they were told: each acknowledged write must be there afterwards.
import type { Api } from "../../test/harness/client.ts";
import type { Member } from "../../test/harness/cluster.ts";
import {
  type ClusterPlace,
  closed,
  open,
  permissionsPath,
  statusAt,
} from "../../test/harness/cluster-places.ts";

/** A write that was acknowledged. */
export interface Acknowledged {
  readonly version: number;
  readonly token: string;
  readonly atMs: number;
}

/** One container and the one that writes it. */
export interface Written {
  readonly place: ClusterPlace;
  readonly acknowledged: Acknowledged[];
  /** When a call failed, and why. */
  readonly failures: { readonly atMs: number; readonly tookMs: number; readonly status: number }[];
}

export class Writers {
  readonly written: readonly Written[];
  readonly #count: number;
  readonly #apis: readonly Api[];
  readonly #pauseMs: number;
  #isOver = false;
  #running: Promise<unknown> = Promise.resolve();

  /** So many writers share the places; each goes to the control planes in turn. */
  constructor(
    places: readonly ClusterPlace[],
    apis: readonly Api[],
    { writers = places.length, pauseMs = 0 } = {},
  ) {
    this.written = places.map((place) => ({ place, acknowledged: [], failures: [] }));
    this.#count = writers;
    this.#apis = apis;
    this.#pauseMs = pauseMs;
  }

  start(): void {
    this.#running = Promise.all(Array.from({ length: this.#count }, (_, n) => this.#run(n)));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  get count(): number {
    return this.written.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  }

  /** When a write was acknowledged first after that time; null: none was. */
  firstAfter(sinceMs: number): number | null {
    const times = this.written.flatMap(({ acknowledged }) =>
      acknowledged.filter(({ atMs }) => atMs > sinceMs).map(({ atMs }) => atMs),
    );
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Writes that were acknowledged and are not there any more, with their tokens. */
  async lost(api: Api): Promise<Acknowledged[]> {
    const lost: Acknowledged[] = [];
    for (const { place, acknowledged } of this.written) {
      const { file_version: version = 0 } = await api.data("GET", permissionsPath(place));
      lost.push(...acknowledged.filter((each) => each.version > version));
    }
    return lost;
  }

  async #run(writer: number): Promise<void> {
    const own = this.written.filter((_, n) => n % this.#count === writer);
    for (let round = writer; !this.#isOver; round++) {
      const one = own[round % own.length];
      const api = this.#apis[round % this.#apis.length];
      if (one === undefined || api === undefined) return;
      const startedMs = performance.now();
      const status = await this.#write(one, api).catch(() => 0);
      const atMs = performance.now();
      if (status !== 200) {
        one.failures.push({ atMs, tookMs: atMs - startedMs, status });
        await Bun.sleep(20);
      }
      if (this.#pauseMs > 0) await Bun.sleep(this.#pauseMs);
    }
  }

  async #write({ place, acknowledged }: Written, api: Api): Promise<number> {
    const path = permissionsPath(place);
    const read = await api.call("GET", path);
    if (read.status !== 200) return read.status;
    const body = read.body.data.default === "allow" ? closed : open;
    const headers = { "if-match": read.body.data.etag };
    const answer = await api.call("PATCH", path, { body, headers });
    if (answer.status !== 200) return answer.status;
    const token = answer.headers.get("x-realmgate-revision") ?? "";
    const version = answer.body.data.file_version;
    acknowledged.push({ version, token, atMs: performance.now() });
    return answer.status;
  }
}

const LOOKS_AT_A_TIME = 16;

/** How many decisions of these proxies are not what the documents say. */
export async function differing(
  places: readonly ClusterPlace[],
  api: Api,
  proxies: readonly Member[],
): Promise<number> {
  let count = 0;
  const left = [...places];
  const look = async () => {
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      const document = await api.data("GET", permissionsPath(place));
      const wanted = document.default === "allow" ? 200 : 403;
      for (const proxy of proxies) {
        if (proxy.said.server !== place.server) continue;
        if ((await statusAt(proxy, place)) !== wanted) count++;
      }
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_A_TIME }, look));
  return count;
}
