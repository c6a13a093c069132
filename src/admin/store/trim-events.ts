// Keeps the audit trail within bounds. Whoever floods it pushes out only more of the same.

/** What tells whether an event stays. */
export interface TrimmedEvent {
  readonly id: string;
  readonly createdAt: string;
  readonly actorId: string | null;
  readonly kind: string;
}

/** The events about what belongs to one account, or about what belongs to nobody. */
export interface OwnedEvents {
  hasMoreThan(max: number): Promise<boolean>;
  /** Some of those before this one, or the first; the newest first. Empty: that was the last. */
  before(last: TrimmedEvent | null): Promise<readonly TrimmedEvent[]>;
  /** Answers how many there were. */
  remove(ids: readonly string[]): Promise<number>;
}

export interface EventOwners {
  /** The first that comes after this one by name; null: that was the last. */
  after(owner: string): Promise<string | null>;
  /** Null: what belongs to nobody. */
  eventsOf(owner: string | null): OwnedEvents;
}

/** `trimOwned` for everybody: from owner to owner, as an index has them, not over all events. Answers how many were deleted. */
export async function trimAll(owners: EventOwners, max: number): Promise<number> {
  let trimmed = await trimOwned(owners.eventsOf(null), max);
  for (let owner = await owners.after(""); owner !== null; owner = await owners.after(owner)) {
    trimmed += await trimOwned(owners.eventsOf(owner), max);
  }
  return trimmed;
}

/**
 * Deletes all but `max` of one owner's events. The oldest leave, of whoever did most of one kind; where one did little of a kind
 * all of it stays, so that no number of other deeds, in this account's projects or elsewhere, hides one. Answers how many.
 */
export async function trimOwned(events: OwnedEvents, max: number): Promise<number> {
  if (!(await events.hasMoreThan(max))) return 0;
  const counts = new Map<string, number>();
  for await (const event of all(events)) {
    const group = groupOf(event);
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  const share = shareOf([...counts.values()], max);
  // From the newest on, so that it matters neither what came meanwhile nor what another process removes.
  const kept = new Map<string, number>();
  let removed = 0;
  let last: TrimmedEvent | null = null;
  for (;;) {
    const some = await events.before(last);
    if (some.length === 0) return removed;
    last = some.at(-1) ?? null;
    const surplus = some.filter((event) => {
      const group = groupOf(event);
      const already = kept.get(group) ?? 0;
      kept.set(group, already + 1);
      return already >= share;
    });
    if (surplus.length > 0) removed += await events.remove(surplus.map(({ id }) => id));
  }
}

/** How many each group may keep, so that all together keep `max` at most. */
export function shareOf(counts: readonly number[], max: number): number {
  let left = max;
  const ascending = counts.toSorted((one, other) => one - other);
  for (const [index, count] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - index));
    if (count > share) return share;
    left -= count;
  }
  return max;
}

function groupOf({ actorId, kind }: TrimmedEvent): string {
  return `${actorId ?? ""} ${kind}`;
}

async function* all(events: OwnedEvents): AsyncGenerator<TrimmedEvent> {
  let last: TrimmedEvent | null = null;
  for (;;) {
    const some: readonly TrimmedEvent[] = await events.before(last);
    yield* some;
    last = some.at(-1) ?? null;
    if (last === null) return;
  }
}
