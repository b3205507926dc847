// SPDX-License-Identifier: GPL-2.0-or-later
// SwapBuilder: page 0 of a swap area as mkswap writes it, with whatever the test wants wrong about it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/storage/uuid.h"
#include "common/testing/fake_block_device.h"

namespace crashdump {

struct SwapBuilder {
  uint32_t page_size = 4096;
  uint32_t last_page = 0;  // 0 with WriteTo(): the last whole page of the device
  uint32_t version = 1;
  Uuid uuid = {0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x47, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01};
  std::string label;
  std::vector<uint32_t> bad_pages;
  std::string magic = "SWAPSPACE2";  // at page_size - 10
  bool other_byte_order = false;     // of version, last_page and the bad pages

  // page_size bytes.
  std::vector<uint8_t> Build() const;
  // Puts page 0 on the device, behind its log's back, as an mkswap long ago did; returns the last_page written.
  uint32_t WriteTo(FakeBlockDevice& device) const;
};

}  // namespace crashdump
