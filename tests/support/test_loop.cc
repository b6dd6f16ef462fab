#include "tests/support/test_loop.h"

#include <boost/asio/io_context.hpp>

namespace sluice::test {

bool TestLoop::step() {
  loop.io().restart();
  return loop.io().poll_one() != 0;
}

}  // namespace sluice::test
