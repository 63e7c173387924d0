-- The requests of one case, for wrk. They come from the environment, so that a token is in no command line:
--   BENCH_METHOD, BENCH_PATH, BENCH_BODY, BENCH_TOKEN, and BENCH_KEYS:
-- where the path has {n}, it stands for the numbers from 0 to BENCH_KEYS - 1, one after the other.

local path = os.getenv("BENCH_PATH")
local keys = tonumber(os.getenv("BENCH_KEYS"))
local requests = {}
local turn = 0

function init()
  wrk.method = os.getenv("BENCH_METHOD")
  wrk.body = os.getenv("BENCH_BODY")
  wrk.headers["Content-Type"] = wrk.body and "application/json"
  wrk.headers["X-Vault-Token"] = os.getenv("BENCH_TOKEN")
  for n = 0, keys - 1 do
    requests[n] = wrk.format(nil, (path:gsub("{n}", n)))
  end
end

function request()
  turn = (turn + 1) % keys
  return requests[turn]
end

-- One line that the harness reads: counts, and times in microseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "result requests=%d micros=%d p50=%d p99=%d refused=%d broken=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
