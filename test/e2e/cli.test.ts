// The command line as people and scripts meet it: exit codes, streams, sessions, questions, and a real gate behind it.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Api, loginAdmin } from "../harness/client.ts";
import { type CommandLine, commandLine, type Ran } from "../harness/command-line.ts";
import { adminPassword, type Program, startProgram } from "../harness/program.ts";

// Every command is a process of its own, on a machine that may have others to run.
setDefaultTimeout(30_000);

const REALM = "507f1f77bcf86cd799439011";
const OTHER_REALM = "607f1f77bcf86cd799439012";
const ABSENT = "0123456789abcdef01234567";

const resources = new AsyncDisposableStack();
let program: Program;
let api: Api;
let line: CommandLine;
let site: string;
let configPath: string;
let projectId: string;
let containerId: string;

beforeAll(async () => {
  program = resources.use(await startProgram());
  api = await loginAdmin(program.urls);
  site = program.urls.rest.replace("127.0.0.1", "localhost");
  line = resources.use(commandLine({ REALMGATE_BASE_URL: site }));
  configPath = join(line.home, ".realmgate", "config.json");
  projectId = (await api.data("POST", "/projects", { body: { alias: "cli" } })).id;
  const box = { name: "box", address: "127.0.0.1", programs: { terminal: { port: 7681 } } };
  containerId = (await api.data("POST", `/projects/${projectId}/containers`, { body: box })).id;
  await login();
});

afterAll(() => resources.disposeAsync());

async function login(): Promise<void> {
  const words = ["login", "-u", "admin", "--password-stdin"];
  const { exit, err } = await line.run(words, { stdin: `${adminPassword}\n` });
  if (exit !== 0) throw new Error(err);
}

function run(words: string, stdin?: string): Promise<Ran> {
  return line.run(words.split(" "), stdin === undefined ? {} : { stdin });
}

function stored(): { session?: { token: string; refreshToken: string; baseUrl: string } } {
  return JSON.parse(readFileSync(configPath, "utf8"));
}

test("a write of a document with --wait comes back when every proxy enforces it", async () => {
  const ran = await run(
    `containers proxy default --container ${containerId} --if-match latest --default allow --wait`,
  );
  expect(ran).toMatchObject({ exit: 0 });
  expect(ran.err).toContain("every proxy enforces it");
  const unsaid = await run(
    `containers proxy default --container ${containerId} --if-match latest --default deny`,
  );
  expect(unsaid.err).not.toContain("enforces");
});

describe("streams and exit codes", () => {
  test("data is on stdout, and nothing else: 0", async () => {
    const ran = await run("projects list -o json");
    expect(ran).toMatchObject({ exit: 0, err: "" });
    expect(JSON.parse(ran.out).projects.length).toBeGreaterThan(0);
  });

  test("--all is the whole list, and says nothing of pages", async () => {
    const made: string[] = [];
    for (let n = 0; n < 12; n++) {
      const { id } = await api.data("POST", "/projects", { body: { alias: `all-${n}` } });
      made.push(id);
    }
    const some = await run("projects list -o table");
    expect(some.err).toContain("--all every entry");
    const all = await run("projects list --all --limit 5 --sort-by alias -q");
    expect(all).toMatchObject({ exit: 0, err: "" });
    const ids = all.out.trimEnd().split("\n");
    expect(ids).toEqual(expect.arrayContaining([projectId, ...made]));
    expect(new Set(ids).size).toBe(ids.length);
    const json = JSON.parse((await run("projects list --all --limit 5 -o json")).out);
    expect(Object.keys(json)).toEqual(["projects"]);
    expect(json.projects).toHaveLength(ids.length);
    const raw = (await run("projects list --all --limit 5 -o raw")).out.trimEnd().split("\n");
    expect(raw.map((body) => JSON.parse(body).data.pagination.page)).toEqual([1, 2, 3]);
    const tokens = await run("auth list --all -o json");
    expect(JSON.parse(tokens.out)).toBeArray();
    const aliases = JSON.parse((await run("proxy list --all -o json")).out);
    expect(aliases).toMatchObject({ aliases: [], count: 0 });
    for (const id of made) await api.data("DELETE", `/projects/${id}`);
  });

  test("what -v tells is on stderr, without the credential", async () => {
    const { out, err, exit } = await run(`projects get -v -q ${projectId}`);
    expect({ exit, out }).toEqual({ exit: 0, out: `${projectId}\n` });
    expect(err).toStartWith(`> GET ${site}/api/v1/projects/${projectId}\n< 200 OK in `);
    expect(err).not.toMatch(/Bearer|authorization|ey[A-Z]/i);
  });

  test("a refusal of the server is on stderr: 3", async () => {
    const ran = await run(`projects get ${ABSENT}`);
    expect(ran).toEqual({ exit: 3, out: "", err: "error: 404 Project not found\n" });
  });

  test.each([
    ["projetcs list", "unknown command 'projetcs'\n(Did you mean projects?)"],
    ["logn -u admin", "unknown command 'logn'\n(Did you mean login?)\nrealmgate --help lists"],
    ["projects lst", "(Did you mean list?)\nsee realmgate projects --help"],
    ["projects list --pgae 2", "unknown option '--pgae'\n(Did you mean --page?)"],
    ["projects get", "missing required argument 'id'"],
    ["projects create", "--alias is missing: its name"],
    ["projects list --output xml", "--output is one of table, json, yaml, wide, raw; not xml"],
    ["projects list --page two", "--page is a whole number; not two"],
    ["projects list --base-url api.example", "the base URL must be an http:// or https:// URL"],
    ["containers manage 0123456789abcdef01234567 reboot", "operation is one of start, stop"],
    [
      `projects proxy state --project ${ABSENT}`,
      "--if-match is missing: version that the write is based on",
    ],
    [
      `explain ${ABSENT}`,
      "One of --program NAME (with --instance), --host HOST, --alias NAME and --request ID",
    ],
    [`explain ${ABSENT} --host a --alias b`, "One of --program NAME"],
    ["proxy create --program terminal", "which container? name it with --container ID"],
    ["projects list --project", "unknown option '--project'"],
    ["containers get --container --realm x", "It is a flag itself: is a variable empty?"],
  ])("%s cannot be read: 2", async (words, problem) => {
    const ran = await run(words);
    expect(ran).toMatchObject({ exit: 2, out: "" });
    expect(ran.err).toStartWith("error: ");
    expect(ran.err).toContain(problem);
  });

  test("a flag that is there and cannot be read is not said to be missing as well", async () => {
    const ran = await run(`projects proxy default --project ${ABSENT} --default dney`);
    expect(ran.err.split("\n").slice(0, 2)).toEqual([
      "error: --default is one of allow, deny; not dney",
      "--if-match is missing: version that the write is based on, as `get` shows it: file:v3; `latest` fetches it",
    ]);
  });

  test("a permission for a group that is not there is told what makes one", async () => {
    const group = "--if-match latest --group-name ghost --program http --access true";
    const ran = await run(`projects proxy groups permissions set --project ${projectId} ${group}`);
    expect(ran.err).toBe(
      "error: 404 Group not found: groups ip|jwt|password|token set creates one\n",
    );
  });

  test("the gate in place of the API is told from it", async () => {
    const ran = await run(`projects list --base-url ${program.urls.proxy}`);
    expect(ran.err).toContain("the gate answered, not the API: is --base-url right?");
  });

  test("a server that does not speak what the URL says is told", async () => {
    const ran = await run(`projects list --base-url ${site.replace("http:", "https:")}`);
    expect(ran.err).toContain("Does it speak plain http://?");
  });

  test("invalid JSON in a flag points at the character: 2", async () => {
    const groups = `--groups team='{"type": "ip", "range": 203.0.113.0/24}'`;
    const ran = await line.shell(
      `realmgate projects proxy permissions replace --project ${projectId} --if-match file:v0 ${groups}`,
    );
    const [first, shown, caret] = ran.err.split("\n");
    expect({ exit: ran.exit, first }).toEqual({
      exit: 2,
      first: "error: --groups team is not JSON: expected , or }",
    });
    expect(shown?.slice(caret?.indexOf("^"))).toBe(".113.0/24}");
  });

  test("a token that is none is not repeated: 2", async () => {
    const ran = await line.run(["projects", "list", "-t", "two words"]);
    expect(ran).toEqual({
      exit: 2,
      out: "",
      err: "error: a token is printable ASCII, no spaces\n",
    });
  });

  test("a configuration file that cannot be read or written is one line", async () => {
    const file = join(line.folder, "a-file", "config.json");
    writeFileSync(join(line.folder, "a-file"), "");
    const read = await run(`projects list --config ${file}`);
    expect(read).toEqual({ exit: 2, out: "", err: `error: ${file} cannot be read (ENOTDIR)\n` });
    const write = await run(`config reset --yes --config ${file}`);
    expect(write).toMatchObject({ exit: 1, out: "" });
    expect(write.err).toMatch(/^error: \S*a-file\S* cannot be written \(E[A-Z]+\)\n$/);
  });

  test("a profile that is not there: 10", async () => {
    const ran = await run("projects list --profile staging");
    expect(ran).toMatchObject({ exit: 10, out: "" });
    expect(ran.err).toContain("no profile staging in the configuration file");
  });

  test("violations are told one a line, with their fields: 1", async () => {
    const ran = await line.shell(
      `realmgate projects proxy permissions replace --project ${projectId} --if-match latest ` +
        `--groups a='{"type": "ip", "range": "1.2.3.4/99"}' --permissions b='{"http": true}'`,
    );
    expect(ran).toMatchObject({ exit: 1, out: "" });
    expect(ran.err.split("\n")).toEqual([
      "error: 400 Validation failed",
      "  /groups/a/range must be an IPv4 network a.b.c.d/len or an IPv6 network without a zone",
      "  /permissions/b names no group of the document",
      "",
    ]);
  });

  test("help is data when it is asked for, and none when nothing is: 0, 2", async () => {
    const asked = await run("projects --help");
    expect(asked).toMatchObject({ exit: 0, err: "" });
    expect(asked.out).toContain("delete a project with all its containers");
    const nothing = await line.run([]);
    expect(nothing).toMatchObject({ exit: 2, out: "" });
    expect(nothing.err).toContain("Usage: realmgate");
  });

  test("a reader that has had enough is no failure", async () => {
    const { err } = await line.shell(
      "{ realmgate auth create --help; echo $? >&2; } | head -1 >/dev/null",
    );
    expect(err).toBe("0\n");
  });
});

describe("logging in", () => {
  test("keeps the session for its owner only", async () => {
    expect(statSync(configPath).mode & 0o777).toBe(0o600);
    expect(stored().session?.baseUrl).toBe(site);
    const shown = await run("config show -o json");
    expect(shown.out).not.toContain(stored().session?.token as string);
  });

  test("asks at a terminal, and the password is not seen there", async () => {
    const seen = await line.atTerminal("realmgate login --no-save", [
      { after: "User name: ", keys: "admin\r" },
      { after: "Password: ", keys: `${adminPassword.slice(0, -1)}x\u007fy\r` },
    ]);
    expect(seen.exit).toBe(adminPassword.endsWith("y") ? 0 : 1);
    const again = await line.atTerminal("realmgate login --no-save", [
      { after: "User name: ", keys: "admin\r" },
      { after: "Password: ", keys: `${adminPassword}\r` },
    ]);
    expect(again.exit).toBe(0);
    expect(again.out).toContain("logged in at");
    expect(again.out + seen.out).not.toContain("horse");
  });

  test("without a terminal says what to do instead: 6", async () => {
    const ran = await run("login -u admin");
    expect(ran).toMatchObject({ exit: 6, out: "" });
    expect(ran.err).toContain("--password-stdin reads it from standard input");
  });

  test("with Ctrl-C at the question is given up: 130, with Ctrl-D: 7", async () => {
    for (const [keys, exit] of [
      ["\u0003", 130],
      ["\u0004", 7],
    ] as const) {
      const ran = await line.atTerminal("realmgate login -u admin", [
        { after: "Password: ", keys },
      ]);
      expect({ keys, exit: ran.exit }).toEqual({ keys, exit });
    }
  });

  test("with a wrong password tells nothing of it", async () => {
    const ran = await run("login -u admin -p -", "wrong-password");
    expect(ran).toEqual({
      exit: 4,
      out: "",
      err: "error: 401 Invalid email or password: check the user name and the password\n",
    });
  });

  test("prints the token to who asks for it only", async () => {
    const quiet = await run("login -u admin -p - --no-save -o json", adminPassword);
    expect(quiet.exit).toBe(0);
    expect(Object.keys(JSON.parse(quiet.out))).not.toContain("token");
    const asked = await run("login -u admin -p - --no-save --print-token -q", adminPassword);
    const listed = await run("projects list -q --token-stdin", asked.out);
    expect(listed.out).toContain(projectId);
  });

  test("a session that is over is renewed, and the new one kept", async () => {
    const before = stored();
    const [head, , signature] = (before.session?.token ?? "").split(".");
    const spent = { ...before.session, token: `${head}.e30.${signature}` };
    writeFileSync(configPath, JSON.stringify({ session: spent }));
    expect(await run("projects list -q")).toMatchObject({ exit: 0, err: "" });
    expect(stored().session?.token).not.toBe(spent.token);
    expect(await run("auth refresh")).toMatchObject({ exit: 0, out: "" });
  });

  test("a session that cannot be renewed says so in one line: 4", async () => {
    const kept = readFileSync(configPath, "utf8");
    const session = { ...stored().session, token: "a.b.c", refreshToken: "a.b.c" };
    writeFileSync(configPath, JSON.stringify({ session }));
    const ran = await run("projects list");
    writeFileSync(configPath, kept);
    expect(ran).toMatchObject({ exit: 4, out: "" });
    expect(ran.err).toMatch(/^error: 401 [^\n]*: log in again with realmgate login[^\n]*\n$/);
  });

  test("is not sent to another place than it was made at", async () => {
    const seen: (string | null)[] = [];
    using other = Bun.serve({
      port: 0,
      fetch(request) {
        seen.push(request.headers.get("authorization"));
        const body = {
          statusCode: 401,
          error: "Unauthorized",
          message: "m",
          code: "MISSING_TOKEN",
        };
        return Response.json(body, { status: 401 });
      },
    });
    const ran = await run(`projects list --base-url http://localhost:${other.port}`);
    expect(seen).toEqual([null]);
    expect(ran.err).toContain(`the stored session is for ${site}`);
  });

  test("out ends the session here and there", async () => {
    const { session } = stored();
    expect((await run("logout")).exit).toBe(0);
    expect(stored().session).toBeUndefined();
    const ran = await run("projects list -t -", session?.token);
    expect(ran.err).toContain("log in again with realmgate login");
    const nobody = await run("projects list");
    expect(nobody.err).toBe(
      "error: 401 Authentication token required: log in with realmgate login, or use --token\n",
    );
    await login();
    // It was the admin's: the sessions of others went with it.
    api = await loginAdmin(program.urls);
  });

  test("name and password are enough for a single command", async () => {
    const ran = await line.run(["users", "me", "-o", "json"], {
      environment: {
        HOODY_USERNAME: "admin",
        HOODY_PASSWORD: adminPassword,
        HOME: join(line.folder, "nobody"),
      },
    });
    expect(JSON.parse(ran.out).username).toBe("admin");
    expect(existsSync(join(line.folder, "nobody", ".realmgate"))).toBe(false);
  });
});

describe("what destroys", () => {
  const made = async () =>
    (await api.data("POST", "/projects", { body: { alias: `gone-${crypto.randomUUID()}` } })).id;
  const exists = async (id: string) => (await api.call("GET", `/projects/${id}`)).status === 200;

  test("is not done where nobody can be asked: 6", async () => {
    const id = await made();
    const ran = await run(`projects delete ${id}`);
    expect(ran).toMatchObject({ exit: 6, out: "" });
    expect(ran.err).toContain("use --yes to confirm");
    expect(await exists(id)).toBe(true);
  });

  test("is not done when the answer is no, or no answer: 7", async () => {
    const id = await made();
    for (const keys of ["n\r", "\r", "yep\r"]) {
      const ran = await line.atTerminal(`realmgate projects delete ${id}`, [
        { after: "[y/N] ", keys },
      ]);
      expect({ keys, exit: ran.exit }).toEqual({ keys, exit: 7 });
    }
    expect(await exists(id)).toBe(true);
  });

  test("is done with yes, typed or as a flag: 0", async () => {
    const [first, second] = [await made(), await made()];
    const typed = await line.atTerminal(`realmgate projects delete ${first}`, [
      { after: `every container in it (${first}). Go on? [y/N] `, keys: "y\r" },
    ]);
    expect(typed.exit).toBe(0);
    expect((await run(`projects delete ${second} --yes`)).exit).toBe(0);
    expect([await exists(first), await exists(second)]).toEqual([false, false]);
  });
});

describe("versions of documents", () => {
  test("a stale one is told with what there is now, and the line to try again", async () => {
    const path = `/projects/${projectId}/proxy/permissions`;
    const { etag } = await api.data("GET", path);
    const headers = { "if-match": etag };
    const now = await api.data("PATCH", `${path}/default`, { body: { default: "deny" }, headers });
    const words = `projects proxy default --project ${projectId} --default allow --if-match`;
    const stale = await run(`${words} ${etag}`);
    expect(stale).toMatchObject({ exit: 5, out: "" });
    expect(stale.err).toBe(
      [
        "error: 412 etag_mismatch",
        `The document is now at ${now.etag}; this write was for ${etag}. Check what changed, then run again:`,
        `  realmgate projects proxy permissions get --project ${projectId}`,
        `  realmgate ${words} ${now.etag}`,
        "",
      ].join("\n"),
    );
    const again = await run(`${words} ${now.etag} -q`);
    expect(again).toMatchObject({ exit: 0, err: "" });
    const latest = await run(`${words} latest -q`);
    expect(Number(latest.out.slice(6))).toBe(Number(again.out.slice(6)) + 1);
  });

  test("a document that was printed can be written back, from a file or a pipe", async () => {
    const words = `realmgate projects proxy permissions replace --project ${projectId} --if-match latest`;
    const set = await line.shell(
      `printf %s s3cret | realmgate projects proxy groups jwt set --project ${projectId} --if-match latest ` +
        "--group-name customers --secret - --sources header:Authorization,cookie:jwt --claims aud=api --claims level:=2",
    );
    expect({ exit: set.exit, err: set.err }).toEqual({ exit: 0, err: "" });
    const ran = await line.shell(
      `realmgate projects proxy permissions get --project ${projectId} -o json > doc.json && ` +
        `${words} --file doc.json -q && ${words} --file - --default deny -q < doc.json`,
    );
    expect(ran).toMatchObject({ exit: 0, err: "" });
    expect(await api.data("GET", `/projects/${projectId}/proxy/permissions`)).toMatchObject({
      groups: {
        customers: {
          secret: "s3cret",
          sources: ["header:Authorization", "cookie:jwt"],
          claims: { aud: "api", level: 2 },
        },
      },
      default: "deny",
    });
  });
});

describe("who can reach what", () => {
  beforeAll(async () => {
    const path = `/containers/${containerId}/proxy/permissions`;
    const { etag } = await api.data("GET", path);
    await api.data("PUT", path, {
      headers: { "if-match": etag },
      body: {
        groups: {
          office: { type: "ip", range: "203.0.113.0/24" },
          customers: { type: "jwt", secret: "a".repeat(32), sources: ["header:Authorization"] },
        },
        permissions: { office: { terminal: [1, 2] }, customers: { http: true } },
        default: "deny",
      },
    });
  });

  test("explain tells it in a sentence and a short table", async () => {
    const ran = await run(
      `explain ${containerId} --program terminal --instance 3 --ip 203.0.113.9`,
    );
    expect(ran).toMatchObject({ exit: 0, err: "" });
    const [sentence = "", , ...rest] = ran.out.split("\n");
    expect(sentence).toStartWith("403: 2 groups looked at; `office` matched by 203.0.113.0/24 but");
    expect(sentence).toContain("does not grant terminal 3");
    expect(sentence).toContain("`customers` found no JWT in header");
    expect(rest).toContain("judged as  terminal 3");
    expect(rest.find((each) => each.startsWith("office"))).toMatch(/ip +yes +matched by .* no /);
  });

  test("explain sends headers and cookies as they are given, also from standard input", async () => {
    const words = ["explain", containerId, "--program", "http", "--instance", "3000"];
    const ran = await line.run([...words, "--header", "-", "--cookie", "a=b", "-o", "json"], {
      stdin: "Authorization: Bearer x.y.z\n",
    });
    const { groups } = JSON.parse(ran.out);
    expect(groups.map(({ why }: { why: string }) => why)).toEqual(["no_address", "malformed_jwt"]);
    const wrong = await line.run([...words, "--header", "nothing"]);
    expect(wrong).toMatchObject({
      exit: 2,
      err: "error: --header is written --header 'Name: value'\n",
    });
  });

  test("access prints groups × programs", async () => {
    const ran = await line.shell("realmgate access", {
      environment: { HOODY_CONTAINER: containerId },
    });
    expect(ran).toMatchObject({ exit: 0, err: "" });
    const lines = ran.out.split("\n").map((each) => each.split(/ {2,}/));
    expect(lines[0]?.[1]).toMatch(/^the container's, file:v\d+, default deny$/);
    expect(lines).toContainEqual(["GROUP", "MATCHES BY", "HTTP", "HTTPS", "TERMINAL"]);
    expect(lines).toContainEqual(["office", "203.0.113.0/24", "-", "-", "1-2"]);
  });

  test("--validate-only tells what would open, asks nothing and stores nothing", async () => {
    const before = await api.data("GET", `/containers/${containerId}/proxy/permissions`);
    const ran = await run(
      `containers proxy permissions delete -c ${containerId} --if-match latest --validate-only`,
    );
    expect(ran).toMatchObject({ exit: 0, err: "dry run: nothing was stored\n" });
    expect(ran.out).toMatch(/office +terminal +1-2 .* +(opens|closes|changes)/);
    const after = await api.data("GET", `/containers/${containerId}/proxy/permissions`);
    expect(after).toEqual(before);
  });
});

describe("realms", () => {
  test("a resource of elsewhere is not there, and that is said", async () => {
    const ran = await run(`projects get ${projectId} --realm ${REALM}`);
    expect(ran).toMatchObject({ exit: 3, out: "" });
    expect(ran.err).toMatch(
      /^error: 404 Project not found: only objects in the realm 507f[^\n]*\n$/,
    );
  });

  test("a confined token is told how to find its realms, and then works there", async () => {
    const made = await run(
      `auth create --alias confined --realm-ids ${REALM},${OTHER_REALM} --no-allow-no-realm --permission-template read_only -q`,
    );
    const token = made.out.trim();
    expect(token).toStartWith("hdy_");
    const outside = await run("projects list --token-stdin", made.out);
    expect(outside.err).toContain("realmgate auth get-current shows the realms of this token");
    const current = await run("auth get-current -o json --token-stdin", made.out);
    expect(JSON.parse(current.out).restrictions.allowed_realm_ids).toEqual([REALM, OTHER_REALM]);
    const inside = await run(`projects list --realm ${REALM} --token-stdin`, made.out);
    expect(inside).toEqual({ exit: 0, out: "", err: "none\n" });
  });
});

describe("the configuration file", () => {
  test("is set, read and reset by commands; secrets are not shown", async () => {
    const config = join(line.folder, "other", "config.json");
    const one = (words: string, stdin?: string) => run(`--config ${config} ${words}`, stdin);
    expect((await one("config set output yaml")).exit).toBe(0);
    expect((await one("config set token -", "hdy_secret\n")).exit).toBe(0);
    expect((await one(`--profile ci config set realm ${REALM}`)).exit).toBe(0);
    expect((await one("config get output")).out).toBe("yaml\n");
    expect((await one("config show -o json")).out).not.toContain("hdy_secret");
    expect((await one("config path")).out).toBe(`${config}\n`);
    expect(await one("config set colour red")).toMatchObject({ exit: 2 });
    expect(await one("config set realm prod!")).toMatchObject({ exit: 2 });
    expect((await one("config validate")).exit).toBe(0);
    writeFileSync(config, '{"output": yaml}');
    expect((await one("projects list")).err).toContain("is not JSON: line 1: expected a value");
    expect(await one("config validate")).toMatchObject({ exit: 1 });
    expect(await one("config set output json")).toMatchObject({ exit: 1 });
    expect(await one("config reset")).toMatchObject({ exit: 6 });
    expect(await one("config reset -y")).toMatchObject({ exit: 0 });
    expect(readFileSync(config, "utf8")).toBe("{}\n");
  });
});

test("a program's address is that of the gate", async () => {
  const root = "https://containers.example:8443";
  const words = `containers url ${containerId} --program http --instance 3000 --containers-url`;
  expect(await run(`${words} ${root}`)).toEqual({
    exit: 0,
    out: `https://${projectId}-${containerId}-http-3000.local.containers.example:8443\n`,
    err: "",
  });
  const wrong = await run(`containers url ${containerId} --program http --instance 70000`);
  expect(wrong).toMatchObject({ exit: 2, out: "" });
});

test("where its port cannot be known that is said, until the configuration says it", async () => {
  const home = mkdtempSync(join(line.folder, "boxed-"));
  const path = join(home, "config.json");
  writeFileSync(path, "{}");
  const config = `--config ${path}`;
  const url = `containers url ${containerId} --program terminal ${config} -t ${stored().session?.token}`;
  const guessed = await run(url);
  expect(guessed).toMatchObject({ exit: 0 });
  expect(guessed.err).toContain("config set containersUrl http://containers.localhost:8000");
  await run(`config set containersUrl http://containers.localhost:8000 ${config}`);
  expect(await run(url)).toEqual({
    exit: 0,
    out: `http://${projectId}-${containerId}-terminal-1.local.containers.localhost:8000\n`,
    err: "",
  });
  expect(await run(`config set containersUrl localhost:8000 ${config}`)).toMatchObject({ exit: 2 });
});

test("explain takes the URL as a browser has it", async () => {
  const url = `http://${projectId}-${containerId}-terminal-2.local.containers.localhost:8000/a?b=c#d`;
  const { exit, out } = await run(`explain ${containerId} -o json --host ${url}`);
  expect({ exit, judged: JSON.parse(out).judged_as }).toMatchObject({
    exit: 0,
    judged: { program: "terminal", instance: 2 },
  });
});

test("an alias is made for the container that is configured", async () => {
  const words = `proxy create -c ${containerId} --program terminal --alias cli-term -o json`;
  const { exit, out } = await run(words);
  expect({ exit, container: JSON.parse(out).container_id }).toEqual({
    exit: 0,
    container: containerId,
  });
});

test("a link of the container's curl program carries the whole request", async () => {
  const ran = await line.run([
    ...["curl", "get-url", "-c", containerId, "--containers-url", "https://containers.example"],
    ...["--url", "https://x.example/deploy?a=1", "--method", "POST", "--auth", "Bearer t"],
    ...["--body", '{"a": "&"}', "--header", "X-Api-Token: t-1"],
  ]);
  expect(ran).toMatchObject({ exit: 0, err: "" });
  const url = new URL(ran.out.trim());
  expect(url.host).toBe(`${projectId}-${containerId}-curl-1.local.containers.example`);
  expect(url.pathname).toBe("/proxy");
  expect(Object.fromEntries(url.searchParams)).toEqual({
    url: "https://x.example/deploy?a=1",
    method: "POST",
    auth: "Bearer t",
    body: '{"a": "&"}',
    header: "X-Api-Token: t-1",
  });
});
