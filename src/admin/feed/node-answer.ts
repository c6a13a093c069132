// What a node answers is its own word: it is looked at before it is put beside that of others.
import type { NodeAnswer, NodeQuestion } from "./node-question.ts";

type Is = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Is>>;

const INT32_MAX = 2 ** 31 - 1;
/** More entries or connections than a process counts; the sum of those of all is an int32, too. */
const COUNT_MAX = 1_000_000;
/** A cursor has 16 digits. */
const PLACE_MAX = 1e16;
/** The last day of a Date, in milliseconds. */
const TIME_MAX = 8.64e15;

const isString: Is = (value) => typeof value === "string" && value.isWellFormed();
const isBoolean: Is = (value) => typeof value === "boolean";
const isNumber: Is = (value) => Number.isFinite(value);
const isInt32: Is = (value) => isBetween(value, 0, INT32_MAX) && Number.isInteger(value);
const isCount: Is = (value) => isBetween(value, 0, COUNT_MAX) && Number.isInteger(value);
const isTime: Is = (value) => isBetween(value, -TIME_MAX, TIME_MAX);
/** A place in a log, as a cursor has it. */
const isPlace: Is = (value) => isBetween(value, 0, PLACE_MAX) && Number.isInteger(value);
const isStrings: Is = (value) => Array.isArray(value) && value.every(isString);

const counts: Is = (value) =>
  isRecord(value) &&
  Object.entries(value).every(([name, count]) => isString(name) && isCount(count));
const orNull =
  (is: Is): Is =>
  (value) =>
    value === null || is(value);

/** Of an entry and of a connection. */
const exchange: Fields = {
  program: isString,
  instance: isInt32,
  alias: orNull(isString),
  method: isString,
  client: isString,
  status: orNull(isInt32),
  reason: isString,
  subject: orNull(isString),
};

const entry: Fields = {
  ...exchange,
  id: isPlace,
  project: isString,
  container: isString,
  requestId: isString,
  traceId: orNull(isString),
  startedAtMs: isTime,
  durationMs: isNumber,
  path: orNull(isString),
  hook: orNull(isString),
  groups: orNull(isStrings),
  bytes: orNull(isNumber),
  end: isString,
};

const connection: Fields = {
  ...exchange,
  id: isString,
  path: isString,
  groups: isStrings,
  sinceMs: isTime,
  bytes: isNumber,
};

const stats: Fields = {
  total: isCount,
  byLevel: counts,
  byProject: counts,
  byContainer: counts,
  byService: counts,
  by_reason: counts,
};

/** Of an entry or a connection: paths have 1,024 characters, and 16 groups are named. */
const ENTRY_BYTES_MAX = 16 * 1024;
const ENTRY_VALUES_MAX = 64;
/** Of what is not a list. */
const OTHER_BYTES_MAX = 64 * 1024;
const OTHER_VALUES_MAX = 2_000;

interface AnswerSize {
  readonly bytes: number;
  /** Values, at any depth. */
  readonly values: number;
}

/** The most that an answer to this question can have: reading it keeps the event loop, mostly for the number of its values. */
export function sizeMax(question: NodeQuestion): AnswerSize {
  const entries =
    "query" in question ? question.query.limit : "limit" in question ? question.limit : 0;
  return {
    bytes: OTHER_BYTES_MAX + entries * ENTRY_BYTES_MAX,
    values: OTHER_VALUES_MAX + entries * ENTRY_VALUES_MAX,
  };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const BRACE = 0x7b;
const BRACKET = 0x5b;

/** Whether JSON has more values than so many, without reading it: each but the first comes behind one of `[`, `{` and `,`. */
function hasMoreValues(text: string, max: number): boolean {
  let values = 1;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isInString = !isInString;
    else if (isInString) {
      if (code === BACKSLASH) at++;
    } else if (code === COMMA || code === BRACE || code === BRACKET) {
      if (++values > max) return true;
    }
  }
  return false;
}

/** Null: it is no answer to this question. */
export function answerOf<Kind extends NodeQuestion["kind"]>(
  question: NodeQuestion,
  text: string,
): NodeAnswer<Kind> | null {
  if (hasMoreValues(text, sizeMax(question).values)) return null;
  try {
    const answer: unknown = JSON.parse(text);
    return isAnswer(question, answer) ? (answer as NodeAnswer<Kind>) : null;
  } catch {
    return null;
  }
}

function isAnswer(question: NodeQuestion, answer: unknown): boolean {
  switch (question.kind) {
    case "newest": {
      const { query, before } = question;
      // A page leads on.
      const isNext: Is = (next) => isPlace(next) && (before === null || isBelow(next, before));
      return has(answer, { entries: listOf(entry, query.limit), next: orNull(isNext) });
    }
    case "oldest": {
      const { query, after } = question;
      const isNext: Is = (next) => isPlace(next) && !isBelow(next, after);
      const isEnd: Is = (value) => value === undefined || isBoolean(value);
      return has(answer, { entries: listOf(entry, query.limit), next: isNext, isEnd });
    }
    case "stats":
      return has(answer, stats);
    case "list":
      return has(answer, { connections: listOf(connection, question.limit), total: isCount });
    case "end":
      return isBoolean(answer);
    case "endOfGroup":
      return isCount(answer);
  }
}

function listOf(fields: Fields, max: number): Is {
  return (value) =>
    Array.isArray(value) && value.length <= max && value.every((each) => has(each, fields));
}

function has(value: unknown, fields: Fields): boolean {
  return isRecord(value) && Object.entries(fields).every(([name, is]) => is(value[name]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && value >= min && value <= max;
}

function isBelow(value: unknown, than: number): boolean {
  return typeof value === "number" && value < than;
}
