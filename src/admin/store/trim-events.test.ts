import { expect, test } from "bun:test";
import { type OwnedEvents, shareOf, type TrimmedEvent, trimOwned } from "./trim-events.ts";

test.each([
  [[1, 2, 3], 6, 6],
  [[10, 1, 1], 6, 4],
  [[10, 10, 1], 6, 2],
  [[9, 9], 1, 0],
] as const)("groups of %p may keep, of %i in all, %i each", (counts, max, share) => {
  expect(shareOf(counts, max)).toBe(share);
});

/** In memory, in pages of three, the newest first; `asked` is called before each page. */
function eventsOf(kinds: string, asked: (events: TrimmedEvent[]) => void = () => {}) {
  const events = [...kinds].map((kind, index) => eventOf(kind, index)).toReversed();
  const owned: OwnedEvents = {
    hasMoreThan: async (max) => events.length > max,
    async before(last) {
      asked(events);
      return events.filter(({ id }) => last === null || id < last.id).slice(0, 3);
    },
    async remove(ids) {
      const before = events.length;
      for (const id of ids) {
        const at = events.findIndex((each) => each.id === id);
        if (at !== -1) events.splice(at, 1);
      }
      return before - events.length;
    },
  };
  return {
    owned,
    left: () =>
      events
        .map(({ kind }) => kind)
        .toReversed()
        .join(""),
  };
}

function eventOf(kind: string, at: number): TrimmedEvent {
  const id = String(at).padStart(4, "0");
  return { id, createdAt: id, actorId: "eve", kind };
}

test("the oldest of the largest group leave, over several pages", async () => {
  const { owned, left } = eventsOf("daaaabaaaaac");
  expect(await trimOwned(owned, 6)).toBe(6);
  expect(left()).toBe("dbaaac");
});

test("what comes meanwhile, or is removed by another process, costs no other event", async () => {
  let pages = 0;
  const { owned, left } = eventsOf("daaaaaaaa", (events) => {
    pages++;
    // Between the two looks another process trims, and one event comes.
    if (pages === 5) events.splice(3, 5, ...events.splice(8, 1));
    if (pages === 5) events.unshift(eventOf("b", 9));
  });
  await trimOwned(owned, 4);
  expect(left()).toBe("daaab");
});
