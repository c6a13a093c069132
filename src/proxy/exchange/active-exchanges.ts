// The exchanges that are active, and which of them a change concerns.

import { FairShares } from "../../guard/fair-shares.ts";
import type { Log } from "../../log.ts";
import { clientNetwork } from "../../policy/client-network.ts";
import type { Allowed, AuthorizationRequest } from "../gate/authorize.ts";
import type { RefusalReason } from "../gate/refusal.ts";
import type { Snapshot } from "../snapshot/snapshot.ts";
import { ActiveExchange, type ActiveRegistry, type ClientConnection } from "./active-exchange.ts";
import type { Exchange } from "./exchange.ts";
import { addTo, removeFrom } from "./keyed-sets.ts";
import { Reauthorization } from "./reauthorization.ts";

/** How often expiring tokens and aliases are looked for, in milliseconds. */
const EXPIRY_SWEEP_MS = 250;

/** Of more changes all that is active is authorized again, in slices: looking each of them up would be one long step. */
const LOOKED_UP_MAX = 2_000;

/** Active exchanges by container: a change authorizes again exactly those that it concerns. */
export class ActiveExchanges implements ActiveRegistry {
  readonly #current: () => Snapshot;
  readonly #revoked: (reason: RefusalReason) => void;
  readonly #reauthorization: Reauthorization;
  readonly #byContainer = new Map<string, Set<ActiveExchange>>();
  /** By the second in which they must be authorized again. */
  readonly #bySecond = new Map<number, Set<ActiveExchange>>();
  #sweep: ReturnType<typeof setInterval> | null = null;
  readonly #shares = new FairShares();

  /** `revoked` is called with the reason of each revocation. */
  constructor(
    current: () => Snapshot,
    log: Log,
    revoked: (reason: RefusalReason) => void = () => {},
  ) {
    this.#current = current;
    this.#revoked = revoked;
    this.#reauthorization = new Reauthorization(current, log);
  }

  /** How many are active. */
  get size(): number {
    return this.#shares.size;
  }

  /** Whether one more of this container and client fits into `max`, so that others keep room: see `FairShares`. */
  hasRoom(container: string, client: string, max: number): boolean {
    const shares = this.#shares;
    return shares.isPlentiful(max) || shares.hasRoom(container, clientNetwork(client), max);
  }

  *all(): Iterable<ActiveExchange> {
    for (const exchanges of this.#byContainer.values()) {
      yield* exchanges;
    }
  }

  /** Those of a container, oldest first. */
  ofContainer(container: string): Iterable<ActiveExchange> {
    return this.#byContainer.get(container) ?? [];
  }

  /** Makes an exchange active. `allowed`: its authorization, by `snapshot`, which may no longer be the current one. */
  begin(
    exchange: Exchange,
    request: AuthorizationRequest,
    allowed: Allowed,
    snapshot: Snapshot,
    connection: ClientConnection,
  ): ActiveExchange {
    const active = new ActiveExchange(this, exchange, request, allowed, connection);
    connection.exchangeBegan(active);
    addTo(this.#byContainer, allowed.host.container, active);
    active.place = this.#shares.enter(allowed.host.container, clientNetwork(request.client));
    this.allowedUntil(active, allowed.untilMs);
    if (snapshot !== this.#current() || snapshot.closed !== null) {
      this.#reauthorization.add([active]);
    }
    return active;
  }

  remove(active: ActiveExchange): void {
    const { place } = active;
    if (place !== null) {
      active.place = null;
      removeFrom(this.#byContainer, active.allowed.host.container, active);
      this.#shares.leave(place);
    }
    this.#reauthorization.remove(active);
    this.#forgetExpiry(active);
  }

  revoked(reason: RefusalReason): void {
    this.#revoked(reason);
  }

  allowedUntil(active: ActiveExchange, untilMs: number): void {
    const second = untilMs === Number.POSITIVE_INFINITY ? null : Math.floor(untilMs / 1000);
    if (second === active.expirySecond) {
      return;
    }
    this.#forgetExpiry(active);
    if (second !== null) {
      addTo(this.#bySecond, second, active);
      active.expirySecond = second;
      this.#sweep ??= setInterval(() => this.#reauthorizeExpired(Date.now()), EXPIRY_SWEEP_MS);
    }
  }

  #forgetExpiry(active: ActiveExchange): void {
    if (active.expirySecond === null) {
      return;
    }
    removeFrom(this.#bySecond, active.expirySecond, active);
    active.expirySecond = null;
    if (this.#bySecond.size === 0 && this.#sweep !== null) {
      clearInterval(this.#sweep);
      this.#sweep = null;
    }
  }

  /** Call when a snapshot was published, with the ids of what changed in it. */
  changed(projects: readonly string[], containers: readonly string[]): void {
    if (projects.length + containers.length > LOOKED_UP_MAX) {
      this.allChanged();
      return;
    }
    const concerned = new Set(projects);
    if (concerned.size > 0) this.#reauthorization.add(this.#ofProjects(concerned));
    for (const container of containers) {
      this.#reauthorization.add(this.#byContainer.get(container) ?? []);
    }
  }

  /** Call when a snapshot was published that does not derive from the previous one. */
  allChanged(): void {
    this.#reauthorization.add(this.all());
  }

  /** Looks at all that are active: changes of projects are rarer than requests, which would have to keep another index. */
  *#ofProjects(projects: ReadonlySet<string>): Iterable<ActiveExchange> {
    for (const active of this.all()) {
      if (projects.has(active.allowed.host.project)) yield active;
    }
  }

  #reauthorizeExpired(nowMs: number): void {
    const second = nowMs / 1000;
    for (const [expiry, concerned] of this.#bySecond) {
      if (expiry <= second) {
        this.#reauthorization.add(concerned);
      }
    }
  }
}
