// Many writers, one document: each version has one winner, and no write is lost.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  type Answer,
  type Api,
  Document,
  enforced,
  type Level,
  loginAdmin,
  makePlace,
  type Place,
} from "../harness/client.ts";
import { type Program, startProgram } from "../harness/program.ts";

const writers = 24;
const rounds = 8;
const levels: readonly Level[] = ["projects", "containers"];

let program: Program;
let api: Api;

beforeAll(async () => {
  program = await startProgram();
  api = await loginAdmin(program.urls);
});

afterAll(() => program[Symbol.asyncDispose]());

/** A place of its own; nothing is sent through the proxy here, so any port will do. */
const newPlace = (): Promise<Place> => makePlace(api, program.urls, 9);
const documentAt = (place: Place, level: Level) =>
  level === "projects" ? place.project : place.container;

const all = <Result>(count: number, each: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

function addGroup({ path }: Document, name: string, etag: string): Promise<Answer> {
  const options = { body: { range: "10.0.0.0/8" }, headers: { "if-match": etag } };
  return api.call("PATCH", `${path}/groups/${name}/ip`, options);
}

describe.each([...levels])("%s", (level) => {
  test(`of ${writers} writers that saw one version exactly one wins, ${rounds} times over`, async () => {
    const document = documentAt(await newPlace(), level);
    const winners: string[] = [];
    for (let round = 0; round < rounds; round++) {
      const { etag, file_version } = await document.get();
      expect(file_version).toBe(round);
      const answers = await all(writers, async (writer) => {
        const name = `round${round}-writer${writer}`;
        return { name, answer: await addGroup(document, name, etag) };
      });
      const won = answers.filter(({ answer }) => answer.status === 200);
      expect(won).toHaveLength(1);
      for (const { name, answer } of answers) {
        if (answer.status === 200) {
          winners.push(name);
          expect(answer.body.data.file_version).toBe(round + 1);
        } else {
          expect([answer.status, answer.body.message]).toEqual([412, "etag_mismatch"]);
          expect(answer.headers.has("x-realmgate-revision")).toBeFalse();
        }
      }
    }
    const { groups, file_version } = await document.get();
    expect(Object.keys(groups).toSorted()).toEqual(winners.toSorted());
    expect(file_version).toBe(rounds);
  });

  test("writers that read again until they win lose no update, and each has a version of its own", async () => {
    const document = documentAt(await newPlace(), level);
    const versions = await all(writers, async (writer) => {
      for (;;) {
        const { etag } = await document.get();
        const answer = await addGroup(document, `writer${writer}`, etag);
        if (answer.status === 200) return answer.body.data.file_version as number;
        expect(answer.status).toBe(412);
      }
    });
    const expected = Array.from({ length: writers }, (_, index) => index + 1);
    expect(versions.toSorted((a, b) => a - b)).toEqual(expected);
    const { groups, file_version } = await document.get();
    expect(Object.keys(groups)).toHaveLength(writers);
    expect(file_version).toBe(writers);
  });

  test("every kind of write takes part: one of them wins, whichever it is", async () => {
    const place = await newPlace();
    const { path } = documentAt(place, level);
    const writes = [
      ["PATCH", "", { default: "deny" }],
      ["PUT", "", { default: "allow" }],
      ["DELETE", "", undefined],
      ["PATCH", "/default", { default: "deny" }],
      ["PUT", "/state", { enable_proxy: false }],
      ["PATCH", "/groups/a/token", { value: "v", header: "X" }],
      ["PUT", "/groups/b/password", { username: "u", password: "p", salt: "s" }],
    ] as const;
    for (let version = 0; version < rounds; version++) {
      const headers = { "if-match": `"file:v${version}"` };
      const statuses = await Promise.all(
        writes.map(async ([method, sub, body]) => {
          const options = { ...(body === undefined ? {} : { body }), headers };
          return (await api.call(method, `${path}${sub}`, options)).status;
        }),
      );
      expect(statuses.toSorted()).toEqual([200, ...writes.slice(1).map(() => 412)]);
    }
  });

  test("readers see whole documents whose versions never go back", async () => {
    const document = documentAt(await newPlace(), level);
    const last = 30;
    let writing = true;
    const reading = all(4, async () => {
      let seen = 0;
      while (writing) {
        const { file_version, etag, groups } = await document.get();
        expect(file_version).toBeGreaterThanOrEqual(seen);
        expect(etag).toBe(`file:v${file_version}`);
        expect(Object.keys(groups)).toHaveLength(file_version);
        seen = file_version;
      }
    });
    for (let version = 0; version < last; version++) {
      expect((await addGroup(document, `g${version}`, `file:v${version}`)).status).toBe(200);
    }
    writing = false;
    await reading;
  });
});

test("writers of different documents do not hinder each other", async () => {
  const places = await all(6, newPlace);
  const answers = await Promise.all(
    places.flatMap((place) =>
      levels.map((level) => addGroup(documentAt(place, level), "a", "file:v0")),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
});

test("a container's first group while its project is being closed never leaves the container open", async () => {
  const { id } = await api.data("POST", "/projects/", { body: { alias: "closing" } });
  const project = new Document(api, program.urls, "projects", id);
  const containers = await all(writers, async (index) => {
    const body = { name: `box-${index}` };
    const made = await api.data("POST", `/projects/${id}/containers`, { body });
    return new Document(api, program.urls, "containers", made.id);
  });
  const writing = containers.map((container) => addGroup(container, "first", "file:v0"));
  const closing = api.call("PATCH", `${project.path}/default`, {
    body: { default: "deny" },
    headers: { "if-match": "file:v0" },
  });
  const closed = await closing;
  expect(closed.status).toBe(200);
  await enforced(program.urls, closed);
  // Those that were asked to write only now have to see it; those before may have been first.
  const [late] = await all(1, async () => {
    const made = await api.data("POST", `/projects/${id}/containers`, { body: { name: "late" } });
    return addGroup(new Document(api, program.urls, "containers", made.id), "first", "file:v0");
  });
  expect(late?.body.data.default).toBe("deny");
  for (const answer of await Promise.all(writing)) {
    expect(answer.status).toBe(200);
    expect(answer.body.data.default).toBeOneOf(["allow", "deny"]);
  }
});

test("a quota holds however many are made at once", async () => {
  const room = 5;
  const body = { alias: "full", max_containers: room };
  const { id } = await api.data("POST", "/projects/", { body });
  const answers = await all(writers, (index) =>
    api.call("POST", `/projects/${id}/containers`, { body: { name: `box-${index}` } }),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(room);
  expect(answers.filter(({ body }) => body.code === "PROJECT_CONTAINER_LIMIT")).toHaveLength(
    writers - room,
  );
  expect((await api.data("GET", `/projects/${id}/containers`)).pagination.total).toBe(room);
});

test("one name and one alias are given once, however many ask at once", async () => {
  const projects = await all(writers, () =>
    api.call("POST", "/projects/", { body: { alias: "only-one" } }),
  );
  const statuses = (answers: readonly Answer[]) => answers.map(({ status }) => status).toSorted();
  const once = [201, ...Array.from({ length: writers - 1 }, () => 409)];
  expect(statuses(projects)).toEqual(once);
  const { id } = projects.find(({ status }) => status === 201)?.body.data ?? {};
  const containers = await all(writers, () =>
    api.call("POST", `/projects/${id}/containers`, { body: { name: "only-one" } }),
  );
  expect(statuses(containers)).toEqual(once);
});
