// Preloaded into a process whose calendar is to be wrong: REALMGATE_TEST_CLOCK_OFF_MS says by how much.
const offMs = Number(process.env.REALMGATE_TEST_CLOCK_OFF_MS ?? 0);
const nowMs = Date.now.bind(Date);
Date.now = () => nowMs() + offMs;
