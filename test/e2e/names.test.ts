// Names in place of ids on the command line, realms with names, and refusals that say what is missing.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Api, loginAdmin } from "../harness/client.ts";
import { type CommandLine, commandLine, type Ran } from "../harness/command-line.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

// Every command is a process of its own, on a machine that may have others to run.
setDefaultTimeout(30_000);

const resources = new AsyncDisposableStack();
let program: Program;
let api: Api;
let line: CommandLine;
let site: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  program = resources.use(await startProgram());
  api = await loginAdmin(program.urls);
  site = program.urls.rest.replace("127.0.0.1", "localhost");
  line = resources.use(commandLine({ REALMGATE_BASE_URL: site }));
  const words = ["login", "-u", "admin", "--password-stdin"];
  expect(await line.run(words, { stdin: adminPassword })).toMatchObject({ exit: 0 });
  for (const alias of ["shop", "blog"]) {
    ids[alias] = (await api.data("POST", "/projects", { body: { alias } })).id;
    const body = { name: "box", address: "127.0.0.1" };
    ids[`${alias}/box`] = (
      await api.data("POST", `/projects/${ids[alias]}/containers`, { body })
    ).id;
  }
  const only = { name: "only", address: "127.0.0.1" };
  ids.only = (await api.data("POST", `/projects/${ids.shop}/containers`, { body: only })).id;
  const bob = { username: "bob", email: "bob@example.com", password: "Correct horse 1" };
  ids.bob = (await api.data("POST", "/users", { body: bob })).id;
});

afterAll(() => resources.disposeAsync());

const run = (words: string, environment: Record<string, string> = {}): Promise<Ran> =>
  line.run(words.split(" "), { environment });

async function json(words: string, environment: Record<string, string> = {}) {
  const ran = await run(`${words} -o json`, environment);
  if (ran.exit !== 0) throw new Error(ran.err);
  return JSON.parse(ran.out);
}

describe("a name stands in place of an id", () => {
  test("of projects, containers, users, members, aliases, tokens and servers", async () => {
    expect(await json("projects get shop")).toMatchObject({ id: ids.shop });
    expect(await json("containers get only")).toMatchObject({ id: ids.only });
    expect(await json("containers get blog/box")).toMatchObject({ id: ids["blog/box"] });
    expect(await json("access -c only")).toMatchObject({ default: "allow" });
    expect(await json("access", { REALMGATE_CONTAINER: "shop/box" })).toBeObject();
    const made = await json("containers create --project blog --name third --server-id local");
    expect(made).toMatchObject({ project_id: ids.blog });
    await json("proxy create --container-id only --alias front --program http --port 80");
    expect(await json("proxy get front")).toMatchObject({ container_id: ids.only });
    const { aliases } = await json("proxy list --container-id only --project-id shop");
    expect(aliases).toHaveLength(1);
    const token = await json("auth create --alias robot");
    expect(await json("auth get robot")).toMatchObject({ id: token.id });
    const add = "projects permissions create --project shop --user bob@example.com";
    const member = await json(`${add} --permission-level read`);
    const change = "projects permissions update --project shop --permission-id";
    expect(await json(`${change} bob --permission-level edit`)).toMatchObject({ id: member.id });
    const byMail = `${change} bob@example.com --permission-level delete`;
    expect(await json(byMail)).toMatchObject({ permission_level: "delete" });
    const { events } = await json("events list --project-id shop --actor-id admin --kind project");
    expect(events.length).toBeGreaterThan(2);
    expect(await json("users get bob@example.com")).toMatchObject({ id: ids.bob });
  });

  test("of whatever an event is about", async () => {
    const about = async (name: string) => {
      const { events } = await json(`events list --resource-id ${name} --limit 1`);
      return events.map((each: { resource_id: string }) => each.resource_id);
    };
    expect(await about("shop")).toEqual([ids.shop]);
    expect(await about("blog/box")).toEqual([ids["blog/box"]]);
    expect(await about("bob@example.com")).toEqual([ids.bob]);
    const several = await run("events list --resource-id box");
    expect(several).toMatchObject({ exit: 1, out: "" });
    expect(several.err).toContain("2 things are called box; name one by its id:");
    expect((await run("events list --resource-id nothing")).exit).toBe(3);
    const { events } = await json("events list --container-id only");
    expect(events.length).toBeGreaterThan(0);
  });

  test("one that several have is told with their ids: 1", async () => {
    const ran = await run("containers get box");
    expect(ran).toMatchObject({ exit: 1, out: "" });
    expect(ran.err).toContain("2 containers are called box; name one by its id:");
    expect(ran.err).toContain(`${ids["shop/box"]}  project shop`);
    expect(ran.err).toContain(`${ids["blog/box"]}  project blog`);
  });

  test.each([
    ["containers get nothing", "no container with the name nothing is visible here"],
    ["projects stats nothing", "no project with the alias nothing is visible here"],
    ["containers get nothing/box", "no project with the alias nothing is visible here"],
    ["users get nobody@example.com", "no user has the name or e-mail address nobody@example.com"],
    ["projects list --realm-id nowhere", "no realm with the name nowhere is visible here"],
    ["projects list --realm nowhere", "no realm with the name nowhere is visible to you"],
    ["auth get nothing", "no auth token of yours has the alias nothing"],
  ])("%s: nothing has the name: 3", async (words, said) => {
    const ran = await run(words);
    expect(ran).toMatchObject({ exit: 3, out: "" });
    expect(ran.err).toContain(said);
  });
});

test("what somebody else calls alike is never changed by name: who is made a member of a project is not asked", async () => {
  const login = { body: { username: "bob", password: "Correct horse 1" } };
  const session = await api.data("POST", "/users/auth/login", login);
  const bob = new Api(program.urls.rest, `Bearer ${session.token}`);
  const trap = (await bob.data("POST", "/projects", { body: { alias: "shop" } })).id;
  const box = async (name: string): Promise<string> =>
    (await bob.data("POST", `/projects/${trap}/containers`, { body: { name } })).id;
  const own = await box("only");
  const bait = await box("bait");
  const member = { body: { username: "admin", permission_level: "edit" } };
  await bob.data("POST", `/projects/${trap}/permissions`, member);
  expect(await json("containers get only")).toMatchObject({ id: ids.only });
  expect(await json("containers update only --comment own")).toMatchObject({ id: ids.only });
  expect(await json("projects get shop")).toMatchObject({ id: ids.shop });
  expect((await json("containers get bait")).id).toBe(bait);
  for (const words of [
    "containers update bait --comment x",
    "protect bait --jwt-secret my-secret -y",
  ]) {
    const ran = await run(words);
    expect(ran).toMatchObject({ exit: 1, out: "" });
    expect(ran.err).toContain("bait is in a project of another account");
    expect(ran.err).toContain(bait);
  }
  const path = `/containers/${bait}/proxy/permissions`;
  expect(await bob.data("GET", path)).toMatchObject({ file_version: 0, groups: {} });
  expect(own).not.toBe(ids.only);
});

describe("realms", () => {
  test("are made up with a name, which works wherever their id does", async () => {
    const made = await run("realms create --name acme -q");
    expect(made.out).toMatch(/^[0-9a-f]{24}\n$/);
    const realm = made.out.trim();
    expect((await run("realms create --name acme")).exit).toBe(5);
    expect((await run("realms list")).out).toContain(`${realm}  acme`);
    const project = await json("projects create --alias inside --realm-ids acme");
    expect(project.realm_ids).toEqual([realm]);
    expect((await json("projects list --realm acme")).projects).toHaveLength(1);
    expect((await json("projects list --realm-id acme")).projects).toHaveLength(1);
    const config = await run("config set realm acme --config acme.json");
    expect(config.exit).toBe(0);
    const event = (await api.data("GET", `/events?kind=realm&resource_id=${realm}`)).events[0];
    expect(event).toMatchObject({ kind: "realm.created", resource_type: "realm" });
    expect(event.fields).toEqual(["name"]);
  });

  test("of which a token has one are used without being told; of several one has to be named", async () => {
    const [one, two] = [
      (await run("realms create --name one -q")).out.trim(),
      (await run("realms create --name two -q")).out.trim(),
    ];
    const confined = async (names: string) =>
      (
        await run(`auth create --alias in-${names.replace(",", "-")} --realm-ids ${names} -q`)
      ).out.trim();
    const alone = { REALMGATE_TOKEN: await confined("one") };
    expect(await json("projects create --alias alone", alone)).toMatchObject({ realm_ids: [one] });
    expect((await json("projects list", alone)).projects).toHaveLength(1);
    expect(await json("projects get alone", alone)).toMatchObject({ realm_ids: [one] });
    expect((await run("realms list", alone)).out).toContain(`${one}  one`);
    const both = { REALMGATE_TOKEN: await confined("one,two") };
    const unsaid = await run("projects list", both);
    expect(unsaid).toMatchObject({ exit: 4, out: "" });
    expect(unsaid.err).toContain("--realm ID chooses one");
    const named = await json("projects create --alias named --realm two", both);
    expect(named.realm_ids).toEqual([two]);
    // A confined token neither makes nor forgets names of realms, nor learns of others.
    for (const words of ["realms create --name one", `realms delete ${two} -y`]) {
      const ran = await run(words, alone);
      expect(ran).toMatchObject({ exit: 4, out: "" });
      expect(ran.err).toContain("this needs a caller who is not confined to realms");
    }
    const other = await run("projects list --realm two", alone);
    expect(other).toMatchObject({ exit: 3 });
  });

  test("whose name was forgotten keep what is in them", async () => {
    const realm = (await run("realms create --name passing -q")).out.trim();
    await json("projects create --alias stays --realm-ids passing");
    expect((await run("realms delete passing -y")).exit).toBe(0);
    expect((await json(`projects list --realm-id ${realm}`)).projects).toHaveLength(1);
    expect((await run("realms list")).out).not.toContain("passing");
  });
});

describe("a refusal says what is missing", () => {
  test("the permission of a token, the level of a member, or an operator; and nothing of what is not seen", async () => {
    const body = { permissions: { projects: { read: true } } };
    const { token } = await api.data("POST", "/auth/tokens", { body });
    const robot = new Api(program.urls.rest, `Bearer ${token}`);
    const leaf = await robot.call("GET", `/containers/${ids.only}/proxy/permissions`);
    expect(leaf.body).toMatchObject({
      statusCode: 403,
      code: "INSUFFICIENT_PERMISSIONS",
      message:
        "Insufficient permissions: this needs the token permission containers.update or resources.proxy_aliases",
      data: { permissions: "containers.update,resources.proxy_aliases" },
    });
    const login = { body: { username: "bob", password: "Correct horse 1" } };
    const session = await api.data("POST", "/users/auth/login", login);
    const bob = new Api(program.urls.rest, `Bearer ${session.token}`);
    const member = { user_id: ids.bob, permission_level: "read" };
    await api.data("POST", `/projects/${ids.blog}/permissions`, { body: member });
    const path = `/containers/${ids["blog/box"]}`;
    const level = await bob.call("PATCH", path, { body: { comment: "x" } });
    expect(level.body).toMatchObject({
      message:
        "Insufficient permissions: this needs the level edit in the project, and yours is read",
      data: { level: "edit", has_level: "read" },
    });
    expect((await bob.call("GET", "/users")).body.message).toContain("this needs an operator");
    const project = await api.data("POST", "/projects", { body: { alias: "unseen" } });
    const unseen = await bob.call("PATCH", `/projects/${project.id}`, { body: { alias: "mine" } });
    const absent = await bob.call("PATCH", `/projects/${"0".repeat(24)}`, {
      body: { alias: "mine" },
    });
    expect(unseen.status).toBe(404);
    expect(unseen.body).toEqual(absent.body);
    const said = await line.run(["containers", "update", path.slice(12), "--comment", "x"], {
      environment: { REALMGATE_TOKEN: session.token },
    });
    expect(said).toMatchObject({ exit: 4 });
    expect(said.err).toContain("this needs the level edit in the project, and yours is read");
  });
});
