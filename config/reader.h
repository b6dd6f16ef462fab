#pragma once

#include "config/description.h"
#include "config/problems.h"
#include "config/yaml_tree.h"

namespace sluice::config {

// Fills `object`, a default-constructed struct of the type that `record` describes, from a document. What is
// wrong is told to `problems`; the field concerned keeps its default.
void read_document(const Struct& record, const Node& document, void* object, Problems& problems);

}  // namespace sluice::config
