// What an editor shows: these lines are compiled, never run. `bun run typecheck` fails when an error is no longer one.
import { expect, test } from "bun:test";
import type { Api } from "./gen/api.ts";

export async function compiled({ projects, proxyPermissionsProject, authTokens }: Api) {
  // @ts-expect-error: a misspelt field
  await projects.create({ alais: "x" });
  // @ts-expect-error: what must be sent
  await projects.create({});
  // @ts-expect-error: an id is a text
  await projects.get(7);
  // @ts-expect-error: a word that the field does not take
  await proxyPermissionsProject.updateDefault("id", { default: "maybe" });
  // @ts-expect-error: a group of no type
  await proxyPermissionsProject.replace("id", { groups: { a: { range: "10.0.0.0/8" } } });
  const spread = await proxyPermissionsProject.get("id");
  // @ts-expect-error: a document has no such field, beside a spread answer neither
  await proxyPermissionsProject.replace("id", { ...spread, x: 1 });
  // @ts-expect-error: a parameter that the list does not take
  await projects.list({ order: "asc" });
  // @ts-expect-error: a token shows its secret only where it was just made, and the type says so
  const secret: string = (await authTokens.get("id")).data.token;

  const config = await proxyPermissionsProject.get("id");
  await proxyPermissionsProject.replace("id", config);
  await proxyPermissionsProject.replace("id", config.data, { ifMatch: "latest" });
  await proxyPermissionsProject.replace("id", { ...config, default: "allow" });
  const version: number | undefined = config.data.file_version;
  const isCut: boolean = (await authTokens.list()).truncated;
  const quota: number | null = (await projects.get("id")).data.max_containers;
  return [secret, version, isCut, quota];
}

test("the types of operations are checked", () => {
  expect(compiled).toBeFunction();
});
