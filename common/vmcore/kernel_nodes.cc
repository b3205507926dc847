// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/vmcore/kernel_nodes.h"

namespace crashdump {
namespace {

constexpr uint64_t kMaxNodes = 1024;  // CONFIG_NODES_SHIFT is at most 10

}  // namespace

Result<std::vector<uint64_t>> KernelNodes(const KernelMemory& kernel) {
  const Vmcoreinfo& vmcoreinfo = kernel.vmcoreinfo();
  std::vector<uint64_t> nodes;
  const Result<uint64_t> table = vmcoreinfo.Symbol("node_data");
  if (!table.ok()) {
    const Result<uint64_t> only = vmcoreinfo.Symbol("contig_page_data");
    if (!only.ok()) return table.error().Prefixed("neither this nor SYMBOL(contig_page_data)");
    nodes.push_back(only.value());
    return nodes;
  }
  uint64_t count = 0;
  TRY(vmcoreinfo.Fill(
      {{VmcoreinfoKind::kLength, "node_data", &count, VmcoreinfoField::Presence::kRequired, kMaxNodes}}));
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t node = TRY(kernel.ReadWord(table.value() + i * kernel.format().word_bytes()), "node_data");
    if (node != 0) nodes.push_back(node);
  }
  return nodes;
}

}  // namespace crashdump
