// Clients that others' generators make from /openapi.json: they type-check on the calls of permissions and log in with a plain token.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { $ } from "bun";
import { loginAdmin } from "../harness/client.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "realmgate-foreign-clients-"));
/** Some want an older TypeScript than this project has, and they are large: installed beside it. */
const generators = [
  "openapi-typescript@7.13.0",
  "@hey-api/openapi-ts@0.95.0",
  "openapi-to-postmanv2@6.3.3",
  "typescript@5",
];
const tools = join(folder, "node_modules/.bin");
let program: Program;
let token = "";

beforeAll(async () => {
  program = await startProgram();
  const api = await loginAdmin(program.urls);
  const body = { username: "admin", password: adminPassword };
  ({ token } = await api.data("POST", "/users/auth/login", { body }));
  const document = await (await fetch(`${program.urls.rest}/openapi.json`)).text();
  writeFileSync(join(folder, "openapi.json"), document);
}, 60_000);

/** Whether the generators are there now; says so when not. */
async function installed(): Promise<boolean> {
  if (existsSync(tools)) return true;
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
  const { exitCode } = await $`timeout 100 npm install ${flags} ${generators}`
    .cwd(folder)
    .quiet()
    .nothrow();
  if (exitCode !== 0) console.warn("SKIPPED: the registry does not answer; no generator is tried");
  return exitCode === 0;
}

afterAll(async () => {
  await program[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface PostmanItem {
  readonly name: string;
  readonly item?: readonly PostmanItem[];
  readonly request?: {
    readonly method: string;
    readonly url: { readonly host: readonly string[]; readonly path: readonly string[] };
    readonly auth: { readonly type: string } | null;
  };
}

function postmanRequests({ item, request }: PostmanItem): NonNullable<PostmanItem["request"]>[] {
  return [...(request ? [request] : []), ...(item ?? []).flatMap(postmanRequests)];
}

const permissions = `{
  groups: { office: { type: "ip", range: "10.0.0.0/8" } },
  permissions: { office: { http: true, terminal: [1, 2], ssh: "1-5", display: 3 } },
  default: "deny",
}`;

async function typeCheck(file: string): Promise<string> {
  const { stdout } =
    await $`${join(root, "node_modules/.bin/tsc")} --noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler --lib es2022,dom,dom.iterable ${file}`
      .cwd(folder)
      .quiet()
      .nothrow();
  return stdout.toString();
}

test("the document begins with a whole URL and a scheme that a plain token fits", async () => {
  const document = await Bun.file(join(folder, "openapi.json")).json();
  expect(document.servers[0]).toEqual({
    url: "http://localhost:8080",
    description: "No realm: all resources of the caller.",
  });
  const secured = Object.values<Record<string, { security: object[] }>>(document.paths)
    .flatMap((item) => Object.values(item))
    .filter(({ security }) => security.length > 0);
  expect(new Set(secured.map(({ security }) => Object.keys(security[0] ?? {}).join()))).toEqual(
    new Set(["bearer"]),
  );
});

test("openapi-typescript: its types take permissions, and refuse what is none", async () => {
  if (!(await installed())) return;
  await $`${join(tools, "openapi-typescript")} openapi.json -o schema.ts`.cwd(folder).quiet();
  const use = (value: string) =>
    `import type { components } from "./schema";\nexport const body: components["schemas"]["PermissionDocumentInput"] = ${value};\n`;
  writeFileSync(join(folder, "good.ts"), use(permissions));
  expect(await typeCheck("good.ts")).toBe("");
  writeFileSync(join(folder, "bad.ts"), use(permissions.replace("true", "{ open: 1 }")));
  expect(await typeCheck("bad.ts")).toContain("bad.ts(4,");
}, 120_000);

test("@hey-api/openapi-ts: its client logs in with a token and writes permissions", async () => {
  if (!(await installed())) return;
  await $`${join(tools, "openapi-ts")} -i openapi.json -o hey -c @hey-api/client-fetch`
    .cwd(folder)
    .quiet();
  writeFileSync(
    join(folder, "use.ts"),
    `import { client } from "./hey/client.gen";
import { projectPermissionsReplacePermissionsPut, createProject } from "./hey/sdk.gen";
client.setConfig({ baseUrl: ${JSON.stringify(program.urls.rest)}, auth: ${JSON.stringify(token)} });
const made = await createProject({ body: { alias: "generated" }, throwOnError: true });
const written = await projectPermissionsReplacePermissionsPut({
  path: { id: made.data.data.id },
  headers: { "If-Match": "file:v0" },
  body: ${permissions},
});
console.log(written.response?.status);
`,
  );
  expect(await typeCheck("use.ts")).toBe("");
  const { stdout, stderr } = await $`${process.execPath} use.ts`.cwd(folder).quiet().nothrow();
  expect([stdout.toString(), stderr.toString()]).toEqual(["200\n", ""]);
}, 120_000);

test("Postman: its import has every operation, one base URL that is whole, and a bearer token where one is wanted", async () => {
  if (!(await installed())) return;
  await $`${join(tools, "openapi2postmanv2")} -s openapi.json -o postman.json`.cwd(folder).quiet();
  const collection = await Bun.file(join(folder, "postman.json")).json();
  expect(collection.variable).toMatchObject([{ key: "baseUrl", value: "http://localhost:8080" }]);
  const { paths } = await Bun.file(join(folder, "openapi.json")).json();
  const operations = Object.values<Record<string, { security: object[] }>>(paths).flatMap((item) =>
    Object.values(item),
  );
  const requests = postmanRequests(collection);
  expect(requests.length).toBe(operations.length);
  expect(new Set(requests.map(({ url }) => url.host.join(".")))).toEqual(new Set(["{{baseUrl}}"]));
  expect(requests.filter(({ auth }) => auth?.type === "bearer").length).toBe(
    operations.filter(({ security }) => security.length > 0).length,
  );
  const me = requests.find(({ url }) => url.path.join("/").endsWith("users/auth/me"));
  const response = await fetch([program.urls.rest, ...(me?.url.path ?? [])].join("/"), {
    headers: { authorization: `Bearer ${token}` },
  });
  expect([me?.method, response.status]).toEqual(["GET", 200]);
}, 120_000);
