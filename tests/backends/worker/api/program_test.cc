#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/worker/flags.h"
#include "backends/worker/port_reservation.h"
#include "backends/worker/progress_bar.h"
#include "gateway/net/listener.h"
#include "gateway/net/socket_address.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;

// The exit status, or -1 where the program would go on.
int parse(std::vector<std::string> arguments, Flags& flags) {
  arguments.insert(arguments.begin(), "sluice-worker");
  std::vector<char*> argv;
  for (std::string& argument : arguments)
    argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const auto status = parse_flags(static_cast<int>(argv.size()), argv.data(), flags);
  ::testing::internal::GetCapturedStdout();
  ::testing::internal::GetCapturedStderr();
  return status.value_or(-1);
}

TEST(WorkerFlags, AreVllms) {
  Flags flags;
  EXPECT_EQ(parse({"dir", "--served-model-name", "a", "b_c", "--port", "0", "--max-model-len=2k", "--api-key",
                   "k", "--disable-log-stats", "--dtype", "float32"},
                  flags),
            -1);
  EXPECT_EQ(flags.model, "dir");
  EXPECT_THAT(flags.served_names, ElementsAre("a", "b_c"));
  EXPECT_EQ(flags.port, 0);
  EXPECT_EQ(flags.max_model_len, 2000);
  EXPECT_THAT(flags.api_keys, ElementsAre("k"));
}

TEST(WorkerFlags, MayBeWrittenWithUnderscores) {
  Flags flags;
  EXPECT_EQ(parse({"--model=a_b", "--max_num_seqs", "3", "--max_model_len=4K"}, flags), -1);
  EXPECT_EQ(flags.model, "a_b");
  EXPECT_EQ(flags.max_num_seqs, 3);
  EXPECT_EQ(flags.max_model_len, 4096);
}

TEST(WorkerFlags, SayHowTheEngineSchedulesAndWhatTheApiTells) {
  Flags flags;
  EXPECT_EQ(parse({"dir",
                   "--no-enable-prefix-caching",
                   "--no-enable-chunked-prefill",
                   "--scheduling-policy",
                   "priority",
                   "--block-size",
                   "8",
                   "--num-gpu-blocks-override",
                   "100",
                   "--kv-cache-memory-bytes",
                   "1000000",
                   "--long-prefill-token-threshold",
                   "64",
                   "--max-num-queued-reqs",
                   "7",
                   "--seed",
                   "5",
                   "--generation-config",
                   "vllm",
                   "--response-role",
                   "bot",
                   "--max-logprobs",
                   "-1",
                   "--stream-interval",
                   "4",
                   "--enable-request-id-headers",
                   "--enable-prompt-tokens-details",
                   "--enable-force-include-usage",
                   "--return-tokens-as-token-ids",
                   "--enable-server-load-tracking"},
                  flags),
            -1);
  EXPECT_FALSE(flags.engine.prefix_caching);
  EXPECT_FALSE(flags.engine.chunked_prefill);
  EXPECT_EQ(flags.engine.policy, SchedulingPolicy::kPriority);
  EXPECT_EQ(flags.engine.block_size, 8);
  EXPECT_EQ(flags.engine.kv_blocks, 100);
  EXPECT_EQ(flags.engine.kv_cache_bytes, 1'000'000);
  EXPECT_EQ(flags.engine.long_prefill_threshold, 64);
  EXPECT_EQ(flags.engine.max_queued, 7);
  EXPECT_EQ(flags.engine.seed, 5u);
  EXPECT_TRUE(flags.ignore_generation_config);
  EXPECT_EQ(flags.response_role, "bot");
  EXPECT_EQ(flags.max_logprobs, -1);
  EXPECT_EQ(flags.stream_interval, 4);
  EXPECT_TRUE(flags.request_id_headers && flags.prompt_tokens_details && flags.force_include_usage &&
              flags.tokens_as_ids);
  Flags defaults;
  EXPECT_EQ(parse({"dir"}, defaults), -1);
  EXPECT_TRUE(defaults.engine.prefix_caching && defaults.engine.chunked_prefill);
  EXPECT_EQ(defaults.engine.policy, SchedulingPolicy::kFcfs);
}

TEST(WorkerFlags, FaultsAreNamed) {
  Flags flags;
  EXPECT_EQ(
      parse({"dir", "--fault", "freeze:5", "--fault=slow:20", "--fault", "wrong-usage", "--fault", "429"},
            flags),
      -1);
  EXPECT_EQ(flags.faults.engine.freeze_after, 5);
  EXPECT_EQ(flags.faults.engine.slow, std::chrono::milliseconds(20));
  EXPECT_GT(flags.faults.api.extra_usage, 0);
  EXPECT_EQ(flags.faults.api.status, 429);
  for (const char* wrong :
       {"nap", "freeze", "freeze:", "freeze:x", "freeze:-1", "refuse:1", "slow:1e3", ""}) {
    Flags ignored;
    EXPECT_EQ(parse({"dir", "--fault", wrong}, ignored), 2) << wrong;
  }
}

TEST(WorkerFlags, SayWhereAndInWhatTheModelIsComputed) {
  Flags flags;
  EXPECT_EQ(parse({"dir", "--dtype", "bfloat16", "--device", "cuda", "--threads", "3", "--pin"}, flags), -1);
  EXPECT_EQ(flags.dtype, "bfloat16");
  EXPECT_EQ(flags.device, "cuda");
  EXPECT_EQ(flags.threads, 3);
  EXPECT_TRUE(flags.pin);
}

TEST(WorkerFlags, SayHowEmbeddingsAreMade) {
  Flags flags;
  EXPECT_EQ(parse({"dir"}, flags), -1);
  EXPECT_EQ(flags.pooler.pooling, Pooling::kLast);
  EXPECT_TRUE(flags.pooler.normalised);
  EXPECT_FALSE(flags.tells_tokenizer);
  EXPECT_EQ(parse({"dir", "--enable-tokenizer-info-endpoint", "--pooler-config",
                   R"({"pooling_type":"MEAN","use_activation":false})"},
                  flags),
            -1);
  EXPECT_EQ(flags.pooler.pooling, Pooling::kMean);
  EXPECT_FALSE(flags.pooler.normalised);
  EXPECT_TRUE(flags.tells_tokenizer);
  for (const char* wrong : {"", "MEAN", "[]", R"({"pooling_type":"CLS"})", R"({"pooling_type":1})",
                            R"({"pooling_typ":"MEAN"})", R"({"use_activation":"yes"})"}) {
    EXPECT_EQ(parse({"dir", "--pooler-config", wrong}, flags), 2) << wrong;
  }
}

TEST(WorkerFlags, WhatIsWrongEndsTheProgram) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"dir", "--port", "70000"},
                                                {"dir", "--dtype", "float8"},
                                                {"dir", "--device", "abacus"},
                                                {"dir", "--threads", "0"},
                                                {"dir", "--max-model-len", "long"},
                                                {"dir", "--max-model-len", "0"},
                                                {"dir", "--scheduling-policy", "fair"},
                                                {"dir", "--unheard-of"},
                                                {"dir", "--max-num-seqs", "0"}}) {
    Flags flags;
    EXPECT_EQ(parse(wrong, flags), 2);
  }
  Flags flags;
  EXPECT_EQ(parse({"--help"}, flags), 0);
}

// Whether a connection to the address is refused.
bool is_refused(const Address& address) {
  const auto target = numeric_socket_address(address);
  const int fd = ::socket(target->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool refused = ::connect(fd, target->get(), target->length) != 0 && errno == ECONNREFUSED;
  ::close(fd);
  return refused;
}

TEST(ProgressBar, FillsUp) {
  EXPECT_EQ(progress_line(0), "loading  [                    ]   0 %");
  EXPECT_EQ(progress_line(0.35), "loading  [#######             ]  35 %");
  EXPECT_EQ(progress_line(1), "loading  [####################] 100 %");
  EXPECT_EQ(progress_line(1.2), progress_line(1));
}

TEST(PortReservation, HoldsAPortThatRefusesConnectionsUntilItIsListenedOn) {
  auto reservation = PortReservation::take(Address::tcp("127.0.0.1", 0));
  ASSERT_TRUE(reservation);
  EXPECT_NE(reservation->address().port, 0);
  EXPECT_TRUE(is_refused(reservation->address()));
  auto socket = ListenSocket::bind(reservation->address(), {.reuse_port = false});
  ASSERT_TRUE(socket) << socket.error().detail();
  EXPECT_EQ(socket->address(), reservation->address());
  EXPECT_FALSE(is_refused(reservation->address()));
}

TEST(PortReservation, SaysThatAPortIsTaken) {
  auto socket = ListenSocket::bind(Address::tcp("127.0.0.1", 0), {.reuse_port = false});
  ASSERT_TRUE(socket);
  const auto reservation = PortReservation::take(socket->address());
  ASSERT_FALSE(reservation);
  EXPECT_EQ(reservation.error().detail(),
            "cannot listen on " + socket->address().to_string() + ": bind: Address already in use");
}

}  // namespace
}  // namespace sluice::worker
