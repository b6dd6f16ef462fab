#include "backends/worker/device/packed_matrix.h"

#include <algorithm>
#include <vector>

#include "backends/worker/device/bfloat16.h"

namespace sluice::worker {
namespace {

// Multiplications below which waking a thread would take longer than they do: some ten microseconds.
constexpr std::size_t kWorthAThread = 100'000;

std::size_t bytes_of_panel(Precision precision, std::size_t columns) {
  return precision == Precision::kFloat32 ? columns * kPanel * sizeof(float)
                                          : (columns + 1) / 2 * kPanel * sizeof(std::uint32_t);
}

std::size_t bytes_of_panels(Precision precision, std::size_t rows, std::size_t columns) {
  return (rows + kPanel - 1) / kPanel * bytes_of_panel(precision, columns);
}

// Where a value of row r lies within its panel: [column][kPanel], or [column / 2][kPanel][2].
std::size_t bf16_place(std::size_t row, std::size_t column) {
  return (column / 2 * kPanel + row) * 2 + column % 2;
}

}  // namespace

PackedMatrix::PackedMatrix(const CpuKernels& kernels, Precision precision, std::size_t rows,
                           std::size_t columns, const RowSource& source)
    : CpuMatrix(rows, columns),
      kernels_(kernels),
      precision_(precision),
      memory_(bytes_of_panels(precision, rows, columns), CpuMemory::Use::kDense) {
  // Whole panels at a time, so that each is written while it is in the cache.
  const std::size_t most = std::max<std::size_t>(1, Device::kUploadPiece / columns / kPanel) * kPanel;
  const std::size_t piece = columns * kPanel <= Device::kUploadPiece ? std::min(most, rows) : 1;
  std::vector<float> values(piece * columns);
  for (std::size_t row = 0; row < rows; row += piece) {
    const std::size_t count = std::min(piece, rows - row);
    source(std::span(values).first(count * columns));
    pack(values.data(), row, count);
  }
}

std::size_t PackedMatrix::panel_bytes() const noexcept {
  return bytes_of_panel(precision_, columns());
}

void PackedMatrix::pack(const float* values, std::size_t first_row, std::size_t count) {
  for (std::size_t done = 0; done < count;) {
    const std::size_t place = (first_row + done) % kPanel;
    const std::size_t rows = std::min(kPanel - place, count - done);
    const float* from = values + done * columns();
    char* panel = static_cast<char*>(memory_.data()) + (first_row + done) / kPanel * panel_bytes();
    if (precision_ == Precision::kFloat32) {
      auto* to = reinterpret_cast<float*>(panel) + place;
      for (std::size_t column = 0; column < columns(); ++column) {
        for (std::size_t r = 0; r < rows; ++r)
          to[column * kPanel + r] = from[r * columns() + column];
      }
    } else {
      auto* to = reinterpret_cast<std::uint16_t*>(panel);
      for (std::size_t column = 0; column < columns(); ++column) {
        for (std::size_t r = 0; r < rows; ++r)
          to[bf16_place(place + r, column)] = to_bfloat16(from[r * columns() + column]);
      }
    }
    done += rows;
  }
}

void PackedMatrix::multiply(const float* in, std::size_t rows, const float* bias, float* out,
                            ThreadTeam& team) const {
  const auto kernel = precision_ == Precision::kFloat32 ? kernels_.matmul_f32 : kernels_.matmul_bf16;
  const bool alone = team.threads() == 1 || rows * this->rows() * columns() < kWorthAThread;
  // More parts than threads, since a processor may be busy with something else.
  const std::size_t parts = alone ? 1 : std::min(panels(), 4 * team.threads());
  team.run(parts, [&](std::size_t part) {
    const std::size_t first = panels() * part / parts;
    const std::size_t last = panels() * (part + 1) / parts;
    const std::size_t output = first * kPanel;
    kernel({.in = in,
            .rows = rows,
            .columns = columns(),
            .panels = static_cast<const char*>(memory_.data()) + first * panel_bytes(),
            .outputs = std::min(last * kPanel, this->rows()) - output,
            .bias = bias != nullptr ? bias + output : nullptr,
            .out = out + output,
            .out_stride = this->rows()});
  });
}

void PackedMatrix::look_up(std::size_t row, float* out) const {
  const char* panel = static_cast<const char*>(memory_.data()) + row / kPanel * panel_bytes();
  if (precision_ == Precision::kFloat32) {
    const auto* values = reinterpret_cast<const float*>(panel) + row % kPanel;
    for (std::size_t column = 0; column < columns(); ++column)
      out[column] = values[column * kPanel];
  } else {
    const auto* values = reinterpret_cast<const std::uint16_t*>(panel);
    for (std::size_t column = 0; column < columns(); ++column)
      out[column] = from_bfloat16(values[bf16_place(row % kPanel, column)]);
  }
}

}  // namespace sluice::worker
