#include "gateway/app/heap_return.h"

#include <algorithm>
#include <utility>

namespace sluice {

HeapReturn::HeapReturn(Loop& loop, std::move_only_function<std::int64_t()> open,
                       std::move_only_function<void()> give_back)
    : loop_(loop),
      open_(std::move(open)),
      give_back_(std::move(give_back)),
      timer_([](void* self) { static_cast<HeapReturn*>(self)->look(); }, this) {
  loop_.arm(timer_, loop_.now() + kInterval);
}

void HeapReturn::look() {
  loop_.arm(timer_, loop_.now() + kInterval);
  const std::int64_t open = open_();
  peak_ = std::max(peak_, open);
  if (open > peak_ / 2 || peak_ - open < kLeastDrop || loop_.now() < not_before_) return;
  peak_ = open;
  not_before_ = loop_.now() + kLeastPause;
  give_back_();
}

}  // namespace sluice
