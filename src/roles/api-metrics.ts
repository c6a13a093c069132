// Counts what the control plane does. Every label has a closed list of values: none is a caller's.
import type { Call, Dispatch, Reply } from "../../proto/call.ts";
import { ErrorCode } from "../../proto/gen/realmgate/v1/errors_pb.ts";
import type { Store } from "../admin/store/store.ts";
import { CountTable, Durations, type Instruments } from "../proxy/observe/instruments.ts";
import { CertificateTimes } from "./certificate-times.ts";

const OK = "OK";
const codeNames = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, name]),
);
const loginMethod = "realmgate.v1.UserService.Login";

const loginOutcomes = ["done", "wrong", "limited", "failed"] as const;
const storeKinds = ["read", "write"] as const;
const storeOutcomes = ["done", "failed"] as const;
/** How the names of the store's calls begin that write. */
const writes =
  /^(create|update|delete|add|remove|put|set|move|touch|record|end|register|purge|note|forget|trim|count)/;
/** Calls of the store that ask its database nothing. */
const notTimed: ReadonlySet<string> = new Set(["close", "pools"]);

export class ApiMetrics {
  /** By method, then by code: as many as the contract has. */
  readonly #calls = new Map<string, Map<string, number>>();
  readonly #durations = new Map<string, Durations>();
  readonly #logins = new CountTable(loginOutcomes);
  readonly #store = new Durations(storeKinds);
  readonly #storeCalls = new CountTable(storeKinds, storeOutcomes);
  readonly #events = new Map<string, number>();
  #eventsLost = 0;
  #pools: Store["pools"] = () => [];
  readonly certificates = new CertificateTimes();

  /** Makes the series of one registry. */
  register(instruments: Instruments): void {
    instruments.counters(
      "realmgate_api_calls_total",
      "Calls of the API, by method and error code; OK: none.",
      ["method", "code"],
      () => this.#callEntries(),
    );
    instruments.durations(
      "realmgate_api_call_seconds",
      "From a call's arrival at its method until its answer was ready.",
      "method",
      { series: (name, label) => this.#durationSeries(name, label) },
    );
    instruments.counters(
      "realmgate_logins_total",
      "Logins, by outcome: done; wrong: user name or password; limited: too many attempts; failed.",
      ["outcome"],
      () => this.#logins.entries(),
    );
    instruments.durations(
      "realmgate_store_seconds",
      "How long calls of the database took, the wait for the disk included.",
      "kind",
      this.#store,
    );
    instruments.counters(
      "realmgate_store_calls_total",
      "Calls of the database, by outcome. Failed: it could not do what it was asked.",
      ["kind", "outcome"],
      () => this.#storeCalls.entries(),
    );
    instruments.gauges(
      "realmgate_store_pool_connections",
      "Connections to PostgreSQL, by pool: api: calls, and whole states of the feed; feed: the rest of the feed, and what nodes say.",
      ["pool", "state"],
      () =>
        this.#pools().flatMap(({ name, busy, idle }) => [
          [[name, "busy"], busy] as const,
          [[name, "idle"], idle] as const,
        ]),
    );
    instruments.gauges(
      "realmgate_store_pool_waiting",
      "Calls that wait for a connection to PostgreSQL, by pool.",
      ["pool"],
      () => this.#pools().map(({ name, waiting }) => [[name], waiting] as const),
    );
    instruments.counters(
      "realmgate_events_total",
      "Events of the audit trail that were stored, by kind.",
      ["kind"],
      () => [...this.#events].map(([kind, count]) => [[kind], count] as const),
    );
    instruments.counter(
      "realmgate_events_lost_total",
      "Refused calls whose event could not be stored.",
      () => this.#eventsLost,
    );
    this.certificates.register(instruments);
  }

  /** The same dispatch, counted. */
  observed(dispatch: Dispatch): Dispatch {
    return async (call) => {
      const beganMs = performance.now();
      const reply = await dispatch(call);
      // The call itself follows.
      const isAsked = call.identifiesOnly === true && reply.ok;
      if (!isAsked) this.#answered(call, reply, performance.now() - beganMs);
      return reply;
    };
  }

  /** An event was stored. `kind`: of those that methods name. */
  eventStored(kind: string): void {
    this.#events.set(kind, (this.#events.get(kind) ?? 0) + 1);
  }

  eventLost(): void {
    this.#eventsLost++;
  }

  /** The same store; calls that answer with a promise are timed. Its pools are those that are shown. */
  timed<Part extends Store | Store["feed"]>(store: Part): Part {
    if ("pools" in store) this.#pools = () => store.pools();
    return new Proxy(store, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (name === "feed" && "feed" in target) return this.timed(target.feed);
        if (typeof member !== "function" || typeof name !== "string" || notTimed.has(name)) {
          return member;
        }
        const kind = storeKinds.indexOf(writes.test(name) ? "write" : "read");
        return (...args: readonly unknown[]) =>
          this.#timedCall(kind, () => member.apply(target, args));
      },
    });
  }

  #timedCall(kind: number, ask: () => unknown): unknown {
    const beganMs = performance.now();
    const answer = ask();
    if (!(answer instanceof Promise)) return answer;
    const settled = (outcome: (typeof storeOutcomes)[number]) => {
      this.#store.add(kind, performance.now() - beganMs);
      this.#storeCalls.add(kind, storeOutcomes.indexOf(outcome));
    };
    // The caller's own promise is left alone.
    answer.then(
      () => settled("done"),
      () => settled("failed"),
    );
    return answer;
  }

  #answered({ method }: Call, reply: Reply, ms: number): void {
    const code = reply.ok ? OK : (codeNames.get(reply.code) ?? "INTERNAL_ERROR");
    const counts = this.#calls.get(method.name) ?? new Map<string, number>();
    this.#calls.set(method.name, counts.set(code, (counts.get(code) ?? 0) + 1));
    const durations = this.#durations.get(method.name) ?? new Durations([method.name]);
    this.#durations.set(method.name, durations);
    durations.add(0, ms);
    if (`${method.parent.typeName}.${method.name}` === loginMethod) {
      this.#logins.add(loginOutcomes.indexOf(loginOutcome(reply)));
    }
  }

  *#callEntries() {
    for (const [method, counts] of this.#calls) {
      for (const [code, count] of counts) yield [[method, code], count] as const;
    }
  }

  *#durationSeries(name: string, label: string) {
    for (const durations of this.#durations.values()) yield* durations.series(name, label);
  }
}

function loginOutcome(reply: Reply): (typeof loginOutcomes)[number] {
  if (reply.ok) return "done";
  if (reply.code === ErrorCode.INVALID_CREDENTIALS) return "wrong";
  return reply.code === ErrorCode.RATE_LIMITED ? "limited" : "failed";
}
