#include "gateway/net/ares_dns_client.h"

#include <ares.h>
#include <arpa/inet.h>
#include <fcntl.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "gateway/runtime/signal.h"

namespace asio = boost::asio;

namespace sluice {
namespace {

constexpr int kClassInternet = 1;
// What passes every network in one piece (DNS Flag Day 2020).
constexpr int kUdpBytes = 1232;
// The loop's deadline comes first.
constexpr int kOwnTimeoutMs = 24 * 3600 * 1000;

struct DestroyChannel {
  void operator()(ares_channel channel) const noexcept { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, DestroyChannel>;

DnsAnswer ended(DnsOutcome outcome, std::string problem) {
  return {.outcome = outcome, .problem = std::move(problem)};
}

// What c-ares says where it has no message to show.
DnsAnswer from_status(int status) {
  switch (status) {
    case ARES_ENODATA:
      return ended(DnsOutcome::kNoRecords, "the name has no such records");
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:
      return ended(DnsOutcome::kNoName, "the name does not exist");
    case ARES_ETIMEOUT:
      return ended(DnsOutcome::kTimeout, "no name server answered in time");
    case ARES_ECONNREFUSED:
      return ended(DnsOutcome::kUnreachable, "the name server cannot be reached");
    case ARES_EBADRESP:
      return ended(DnsOutcome::kMalformed, "the answer is malformed");
    default:
      return ended(DnsOutcome::kServerFailure, ares_strerror(status));
  }
}

bool conclusive(const DnsAnswer& answer) noexcept {
  return answer.outcome == DnsOutcome::kOk || answer.outcome == DnsOutcome::kNoName ||
         answer.outcome == DnsOutcome::kNoRecords;
}

}  // namespace

// One question to one server.
class AresDnsClient::Attempt {
 public:
  Attempt(Loop& loop, const std::string& server, bool search, const std::string& name, DnsType type)
      : loop_(loop), answered_(loop), channel_(open(search)) {
    if (!channel_ || ares_set_servers_ports_csv(channel_.get(), server.c_str()) != ARES_SUCCESS) {
      answer_ = ended(DnsOutcome::kUnreachable, "cannot ask " + server);
      return;
    }
    ares_search(channel_.get(), name.c_str(), kClassInternet, std::to_underlying(type), &on_answer, this);
  }
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() {
    // c-ares tells of the end from inside its own destruction.
    closing_ = true;
    channel_.reset();
  }

  const std::optional<DnsAnswer>& answer() const noexcept { return answer_; }
  Signal::Wait wait(TimePoint deadline) noexcept { return answered_.wait(deadline); }

 private:
  // A socket of the channel's, watched through a descriptor of its own: c-ares closes its sockets when it
  // pleases, and the reactor must not meet a number that is another's by then. Shared with the reactor's
  // callback.
  struct Watch {
    Watch(asio::io_context& io, int copy, int socket) : descriptor(io, copy), fd(socket) {}
    asio::posix::stream_descriptor descriptor;
    int fd;
    bool wanted[2] = {false, false};   // to read, to write
    bool waiting[2] = {false, false};  // for it
    Attempt* attempt = nullptr;        // null once the watch is over
  };
  enum Way : std::uint8_t { kRead, kWrite };

  Channel open(bool search) {
    ares_options options{};
    int mask =
        ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_STATE_CB;
    // A failure is an answer here: who is asked next is decided above.
    options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_EDNS | ARES_FLAG_NOALIASES;
    options.tries = 1;
    options.timeout = kOwnTimeoutMs;
    options.ednspsz = kUdpBytes;
    options.sock_state_cb = &on_socket;
    options.sock_state_cb_data = this;
    if (!search) mask |= ARES_OPT_DOMAINS;
    ares_channel channel = nullptr;
    if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS) return nullptr;
    return Channel(channel);
  }

  static void on_answer(void* self, int status, int /*timeouts*/, unsigned char* message, int length) {
    auto& attempt = *static_cast<Attempt*>(self);
    if (attempt.closing_) return;
    attempt.answer_ = message == nullptr || length <= 0
                          ? from_status(status)
                          : read_dns_answer({message, static_cast<std::size_t>(length)});
    attempt.answered_.notify_all();
  }

  static void on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto& attempt = *static_cast<Attempt*>(self);
    if (readable == 0 && writable == 0) {
      attempt.forget(fd);
      return;
    }
    if (attempt.closing_) return;
    auto& watch = attempt.watches_[fd];
    if (watch == nullptr) {
      // Without a descriptor left nothing is watched, and the question times out.
      const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return (void)attempt.watches_.erase(fd);
      watch = std::make_shared<Watch>(attempt.loop_.io(), copy, fd);
      watch->attempt = &attempt;
    }
    watch->wanted[kRead] = readable != 0;
    watch->wanted[kWrite] = writable != 0;
    arm(watch);
  }

  void forget(int fd) {
    const auto found = watches_.find(fd);
    if (found == watches_.end()) return;
    found->second->attempt = nullptr;
    boost::system::error_code ignored;
    found->second->descriptor.close(ignored);
    watches_.erase(found);
  }

  static void arm(const std::shared_ptr<Watch>& watch) {
    for (const Way way : {kRead, kWrite}) {
      if (!watch->wanted[way] || std::exchange(watch->waiting[way], true)) continue;
      watch->descriptor.async_wait(
          way == kRead ? asio::posix::descriptor_base::wait_read : asio::posix::descriptor_base::wait_write,
          [watch, way](const boost::system::error_code& ec) {
            watch->waiting[way] = false;
            if (!ec && watch->attempt != nullptr) ready(watch, way);
          });
    }
  }

  static void ready(const std::shared_ptr<Watch>& watch, Way way) {
    ares_process_fd(watch->attempt->channel_.get(), way == kRead ? watch->fd : ARES_SOCKET_BAD,
                    way == kWrite ? watch->fd : ARES_SOCKET_BAD);
    if (watch->attempt != nullptr) arm(watch);
  }

  Loop& loop_;
  Signal answered_;
  bool closing_ = false;
  std::optional<DnsAnswer> answer_;
  std::map<int, std::shared_ptr<Watch>> watches_;  // by c-ares' descriptor
  Channel channel_;
};

AresDnsClient::AresDnsClient(Loop& loop, DnsClientOptions options)
    : loop_(loop), options_(std::move(options)) {}

Task<DnsAnswer> AresDnsClient::ask(std::string name, DnsType type) {
  std::vector<std::string> servers = this->servers();
  DnsAnswer last = ended(DnsOutcome::kUnreachable, "there is no name server to ask");
  for (const int thirds : {1, 2}) {
    std::vector<std::string> silent;
    for (const std::string& server : servers) {
      last = co_await attempt(server, name, type, loop_.now() + options_.timeout * thirds / 3);
      if (conclusive(last)) co_return last;
      if (last.outcome == DnsOutcome::kTimeout) silent.push_back(server);
    }
    servers = std::move(silent);
  }
  co_return last;
}

Task<DnsAnswer> AresDnsClient::attempt(std::string server, std::string name, DnsType type,
                                       TimePoint deadline) {
  Attempt attempt(loop_, server, options_.nameservers.empty(), name, type);
  while (!attempt.answer()) {
    const bool in_time = co_await attempt.wait(deadline);
    if (!in_time) co_return ended(DnsOutcome::kTimeout, server + " did not answer in time");
  }
  co_return *attempt.answer();
}

std::vector<std::string> AresDnsClient::servers() const {
  std::vector<std::string> out;
  for (const Address& address : options_.nameservers)
    out.push_back(address.to_string());
  if (!out.empty()) return out;
  ares_channel raw = nullptr;
  if (ares_init(&raw) != ARES_SUCCESS) return out;
  const Channel channel(raw);
  ares_addr_port_node* first = nullptr;
  if (ares_get_servers_ports(raw, &first) != ARES_SUCCESS) return out;
  for (const ares_addr_port_node* node = first; node != nullptr && out.size() < kMaxNameservers;
       node = node->next) {
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(node->family, &node->addr, text, sizeof text) == nullptr) continue;
    const auto port = static_cast<std::uint16_t>(node->udp_port == 0 ? 53 : node->udp_port);
    out.push_back(Address::tcp(text, port).to_string());
  }
  ares_free_data(first);
  return out;
}

}  // namespace sluice
