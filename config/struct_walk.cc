#include "config/struct_walk.h"

#include <algorithm>

#include "config/problems.h"

namespace sluice::config {
namespace {

void walk(const Struct& record, const std::string& path, std::vector<WalkedStruct>& out) {
  if (std::ranges::find(out, &record, &WalkedStruct::record) != out.end()) return;
  out.push_back({path, &record});
  for (const Field& field : record.fields) {
    std::string below = join_path(path, field.name);
    const Type* type = &field.type;
    for (; type->element; type = type->element.get()) {
      if (type->kind == Type::Kind::kList) below += "[]";
    }
    if (type->kind == Type::Kind::kStruct) walk(type->record(), below, out);
  }
}

}  // namespace

std::vector<WalkedStruct> walk_structs(const Struct& root) {
  std::vector<WalkedStruct> out;
  walk(root, "", out);
  return out;
}

}  // namespace sluice::config
