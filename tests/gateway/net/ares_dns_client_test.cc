#include "gateway/net/ares_dns_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/runtime/child.h"
#include "tests/gateway/net/socket_world.h"
#include "tests/support/dns_message.h"

namespace sluice {
namespace {

using namespace std::string_view_literals;
using test::DnsMessage;

constexpr std::uint16_t kTruncated = 0x8380;

// A name server on loopback, over UDP and TCP on one port, that does what the test says.
class NameServer {
 public:
  NameServer() {
    // Another program may have the TCP port of a UDP port that is free.
    while (!open())
      close();
  }
  NameServer(const NameServer&) = delete;
  ~NameServer() { close(); }

  // The next question, empty if there is none yet.
  std::string receive() {
    char buffer[2048];
    peer_length_ = sizeof peer_;
    const ssize_t n = ::recvfrom(udp_, buffer, sizeof buffer, MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&peer_), &peer_length_);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
  void send(const std::string& message) {
    ::sendto(udp_, message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&peer_), peer_length_);
  }
  // The same over TCP, where a length stands before the message.
  std::string receive_stream() {
    if (accepted_ < 0) accepted_ = ::accept4(tcp_, nullptr, nullptr, SOCK_NONBLOCK);
    char buffer[2048];
    const ssize_t n = accepted_ < 0 ? -1 : ::recv(accepted_, buffer, sizeof buffer, 0);
    return n > 2 ? std::string(buffer + 2, static_cast<std::size_t>(n) - 2) : std::string();
  }
  void send_stream(const std::string& message) {
    const std::string framed = DnsMessage::text(message.size(), 2) + message;
    ::send(accepted_, framed.data(), framed.size(), 0);
  }

  Address address;

 private:
  bool open() {
    udp_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    tcp_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const name = reinterpret_cast<sockaddr*>(&where);
    socklen_t length = sizeof where;
    if (::bind(udp_, name, length) != 0 || ::getsockname(udp_, name, &length) != 0) return false;
    address = Address::tcp("127.0.0.1", ntohs(where.sin_port));
    return ::bind(tcp_, name, length) == 0 && ::listen(tcp_, 8) == 0;
  }
  void close() {
    for (const int fd : {udp_, tcp_, accepted_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  int udp_ = -1;
  int tcp_ = -1;
  int accepted_ = -1;
  sockaddr_in peer_{};
  socklen_t peer_length_ = 0;
};

std::uint16_t id_of(const std::string& question) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(question[0]) << 8 |
                                    static_cast<unsigned char>(question[1]));
}

class AresDnsClientTest : public ::testing::Test {
 protected:
  std::unique_ptr<Child<DnsAnswer>> ask(std::vector<Address> servers) {
    client_ = std::make_unique<AresDnsClient>(
        world_.loop, DnsClientOptions{.nameservers = std::move(servers), .timeout = std::chrono::seconds(3)});
    return std::make_unique<Child<DnsAnswer>>(world_.loop, client_->ask("gpu.test", DnsType::kA));
  }
  std::string question_at(NameServer& server) {
    std::string question;
    EXPECT_TRUE(world_.until([&] { return !(question = server.receive()).empty(); }));
    return question;
  }
  DnsAnswer answer_of(Child<DnsAnswer>& asking) {
    EXPECT_TRUE(world_.until([&] { return asking.finished(); }));
    return *asking.result();
  }
  static DnsMessage good(const std::string& question) {
    return DnsMessage("gpu.test", 1, 0x8180, id_of(question)).a("gpu.test", 60, "\x0a\0\0\1"sv);
  }
  static std::string failing(const std::string& question, std::uint16_t flags) {
    return DnsMessage("gpu.test", 1, flags, id_of(question)).bytes;
  }
  void pass(Duration time) {
    world_.time.advance(time);
    world_.loop.expire();
    world_.loop.poll();
  }

  SocketWorld world_;
  NameServer server_;
  NameServer other_;
  std::unique_ptr<AresDnsClient> client_;
};

TEST_F(AresDnsClientTest, AnAnswerOverUdpIsRead) {
  auto asking = ask({server_.address});
  const std::string question = question_at(server_);
  EXPECT_NE(question.find("\3gpu\4test"), std::string::npos);
  server_.send(good(question).bytes);
  const DnsAnswer answer = answer_of(*asking);
  EXPECT_EQ(answer.outcome, DnsOutcome::kOk) << answer.problem;
  EXPECT_EQ(answer.addresses, std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(answer.ttl, std::chrono::seconds(60));
}

TEST_F(AresDnsClientTest, ATruncatedAnswerIsAskedForAgainOverTcp) {
  auto asking = ask({server_.address});
  server_.send(failing(question_at(server_), kTruncated));
  std::string question;
  ASSERT_TRUE(world_.until([&] { return !(question = server_.receive_stream()).empty(); }));
  DnsMessage large = good(question);
  for (std::uint64_t i = 2; i < 200; ++i)
    large.a("gpu.test", 60, DnsMessage::text(0x0a000000 + i, 4));
  server_.send_stream(large.bytes);
  EXPECT_EQ(answer_of(*asking).addresses.size(), 199u);
}

TEST_F(AresDnsClientTest, AFailingServerIsPassedOver) {
  for (const std::uint16_t flags : {0x8182, 0x8185}) {
    auto asking = ask({server_.address, other_.address});
    server_.send(failing(question_at(server_), flags));
    other_.send(good(question_at(other_)).bytes);
    EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kOk);
  }
}

TEST_F(AresDnsClientTest, WhereEveryServerFailsTheFailureIsTold) {
  auto asking = ask({server_.address});
  server_.send(failing(question_at(server_), 0x8182));
  const DnsAnswer answer = answer_of(*asking);
  EXPECT_EQ(answer.outcome, DnsOutcome::kServerFailure);
  EXPECT_NE(answer.problem.find("SERVFAIL"), std::string::npos) << answer.problem;
}

TEST_F(AresDnsClientTest, ANameThatDoesNotExistIsAskedOnce) {
  auto asking = ask({server_.address, other_.address});
  server_.send(failing(question_at(server_), 0x8183));
  EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kNoName);
  EXPECT_EQ(other_.receive(), "");
}

TEST_F(AresDnsClientTest, ANameWithoutSuchRecordsIsToldApart) {
  auto asking = ask({server_.address});
  server_.send(failing(question_at(server_), 0x8180));
  EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kNoRecords);
}

TEST_F(AresDnsClientTest, AMalformedAnswerIsToldApart) {
  auto asking = ask({server_.address});
  DnsMessage answer = good(question_at(server_));
  answer.bytes.resize(answer.bytes.size() - 2);
  server_.send(answer.bytes);
  EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kMalformed);
}

TEST_F(AresDnsClientTest, ASilentServerIsAskedTwiceWithinTheTimeout) {
  auto asking = ask({server_.address});
  (void)question_at(server_);
  pass(std::chrono::seconds(1) + TimerWheel::kTick);
  (void)question_at(server_);
  pass(std::chrono::seconds(1));
  EXPECT_FALSE(asking->finished());
  pass(std::chrono::seconds(1) + TimerWheel::kTick);
  EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kTimeout);
}

TEST_F(AresDnsClientTest, ASilentServerIsPassedOverAfterAThirdOfTheTimeout) {
  auto asking = ask({server_.address, other_.address});
  (void)question_at(server_);
  pass(std::chrono::seconds(1) + TimerWheel::kTick);
  other_.send(good(question_at(other_)).bytes);
  EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kOk);
}

TEST_F(AresDnsClientTest, AnAnswerThatComesTooLateOrToAnotherQuestionIsIgnored) {
  auto asking = ask({server_.address});
  const std::string first = question_at(server_);
  DnsMessage other = good(first);
  other.bytes[1] = static_cast<char>(other.bytes[1] ^ 1);
  server_.send(other.bytes);
  server_.send(DnsMessage("gpu.evil", 1, 0x8180, id_of(first)).a("gpu.evil", 60, "\x0a\0\0\2"sv).bytes);
  pass(std::chrono::seconds(1) + TimerWheel::kTick);
  server_.send(good(question_at(server_)).bytes);
  EXPECT_EQ(answer_of(*asking).addresses, std::vector<std::string>{"10.0.0.1"});
}

TEST_F(AresDnsClientTest, DestroyingTheTaskWithdrawsTheQuestion) {
  auto asking = ask({server_.address});
  const std::string question = question_at(server_);
  asking.reset();
  server_.send(good(question).bytes);
  world_.loop.poll();
  pass(std::chrono::seconds(10));
  EXPECT_EQ(server_.receive(), "");
}

TEST_F(AresDnsClientTest, AClosedPortIsUnreachableAtOnce) {
  Address closed;
  {
    NameServer gone;
    closed = gone.address;
  }
  auto asking = ask({closed});
  EXPECT_EQ(answer_of(*asking).outcome, DnsOutcome::kUnreachable);
}

}  // namespace
}  // namespace sluice
