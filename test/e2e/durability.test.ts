// What was acknowledged is there after the process was killed in the middle of writing.
import { expect, test } from "bun:test";
import { type Api, Document, loginAdmin } from "../harness/client.ts";
import { startProgram } from "../harness/program.ts";
import { until } from "../harness/until.ts";

const rounds = 5;
const writers = 4;

/** The last version that was acknowledged, and what it said. */
interface Acknowledged {
  version: number;
  range: string;
}

test("kill -9 in the middle of a stream of acknowledged writes loses none of them", async () => {
  let program = await startProgram();
  const { dataDir } = program;
  const api = await loginAdmin(program.urls);
  const projects = await Promise.all(
    Array.from({ length: writers }, async (_, index) => {
      const { id } = await api.data("POST", "/projects", { body: { alias: `durable-${index}` } });
      return { id: id as string, acknowledged: { version: 0, range: "" } as Acknowledged };
    }),
  );
  try {
    for (let round = 0; round < rounds; round++) {
      const writer = await loginAdmin(program.urls);
      const acknowledgedBefore = total(projects);
      const writing = projects.map(({ id, acknowledged }) =>
        writeUntilItFails(writer, id, acknowledged),
      );
      await until(
        () => total(projects) >= acknowledgedBefore + 20 * writers,
        "20 more writes each",
      );
      await program.kill();
      await Promise.all(writing);

      program = await startProgram({ dataDir });
      const reader = await loginAdmin(program.urls);
      for (const { id, acknowledged } of projects) {
        const { file_version, groups } = await new Document(
          reader,
          program.urls,
          "projects",
          id,
        ).get();
        // The write that was cut off may have been committed without being acknowledged; nothing older may show.
        expect(file_version).toBeWithin(acknowledged.version, acknowledged.version + 2);
        if (file_version === acknowledged.version) {
          expect(groups.office.range).toBe(acknowledged.range);
        }
        acknowledged.version = file_version;
        acknowledged.range = groups.office.range;
      }
    }
  } finally {
    await program[Symbol.asyncDispose]();
  }
}, 60_000);

function total(projects: readonly { readonly acknowledged: Acknowledged }[]): number {
  return projects.reduce((sum, { acknowledged }) => sum + acknowledged.version, 0);
}

async function writeUntilItFails(api: Api, id: string, acknowledged: Acknowledged): Promise<void> {
  for (;;) {
    const version = acknowledged.version + 1;
    const range = `10.${(version >> 8) & 255}.${version & 255}.0/24`;
    try {
      const answer = await api.call("PATCH", `/projects/${id}/proxy/permissions`, {
        body: { groups: { office: { type: "ip", range } }, permissions: {} },
        headers: { "if-match": `file:v${acknowledged.version}` },
      });
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    } catch (error) {
      if (error instanceof Error && error.message.includes("statusCode")) throw error;
      return;
    }
    acknowledged.version = version;
    acknowledged.range = range;
  }
}
