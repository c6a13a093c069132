// Random operations on both stores: every answer is the same. REALMGATE_TEST_STEPS says how many, for runs by hand.
import { afterAll, describe, expect, test } from "bun:test";
import { randomFrom } from "../../arbitrary/random.ts";
import { postgresBinaries, sayWithoutPostgres } from "../../harness/postgres-server.ts";
import { openPostgresPlace, stopPostgres } from "../../harness/postgres-store.ts";
import { openSqlitePlace } from "../../harness/sqlite-store.ts";
import { ComparedStore } from "../compared-store.ts";
import { Choices } from "../operation-choices.ts";
import { methods, operationOf, withProject } from "../random-operations.ts";

if (postgresBinaries === null) sayWithoutPostgres();

const steps = Number(process.env.REALMGATE_TEST_STEPS ?? 4000);
const seed = Number(process.env.REALMGATE_TEST_SEED ?? 1);
const quotas = { projectsMax: 12, containersMax: 9, documentBytesMax: 400 };

/** Both refuse what is of an account that is gone; each says it in its own words. */
function reasonOf(error: Error): string {
  const words = `${error.constructor.name}: ${error.message}`;
  return /foreign key/i.test(`${words} ${error.cause}`) ? "of nobody" : words;
}

describe.skipIf(postgresBinaries === null)("SQLite and PostgreSQL", () => {
  afterAll(stopPostgres);

  test(
    `give the same answers to ${steps} random operations, of all that a store does`,
    async () => {
      let nowMs = Date.UTC(2026, 0, 1);
      const called = new Set<string>();
      const now = () => nowMs;
      await using sqlite = await openSqlitePlace(now, quotas);
      await using postgres = await openPostgresPlace(now, quotas);
      const sides = [new ComparedStore(sqlite, called), new ComparedStore(postgres, called)];
      const random = randomFrom(seed);
      let made = 0;

      const compare = async (name: string, run: (side: ComparedStore) => Promise<unknown>) => {
        const answers = [];
        for (const side of sides) {
          const answer = await run(side).catch((error: Error) => ({ rejects: reasonOf(error) }));
          answers.push(side.plain(answer));
        }
        expect([name, answers[1]]).toEqual([name, answers[0]]);
        if (typeof answers[0] === "object" && answers[0] !== null) made++;
      };

      await compare("an empty store", async ({ store }) => [
        await store.hasUsers(),
        await store.createFirstUser({ username: "root", passwordHash: "" }),
        await store.createFirstUser({ username: "other", passwordHash: "" }),
      ]);
      await compare("the first user", async (side) =>
        withProject(side, await side.store.userForLogin({ username: "root" })),
      );
      for (let n = 0; n < steps; n++) {
        nowMs += random.pick([0, 1, 1, 1, 900]);
        const { name, run } = operationOf(new Choices(random, nowMs));
        await compare(`${n}: ${name}`, run);
      }
      expect(made).toBeGreaterThan(steps / 4);
      const left = Object.keys(sqlite.store).filter(
        (name) => typeof Reflect.get(postgres.store, name) === "function",
      );
      expect([...methods].toSorted()).toEqual(left.toSorted() as typeof methods);
      expect(methods.filter((method) => !called.has(method))).toEqual([]);
    },
    60_000 + steps * 200,
  );
});
