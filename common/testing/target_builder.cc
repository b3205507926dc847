// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/target_builder.h"

#include <sys/sysmacros.h>

namespace crashdump {

BuiltTarget TargetBuilder::Build() const {
  BuiltTarget built;
  built.device = std::make_unique<FakeBlockDevice>(device_bytes, logical_block_size);
  FakeBlockDevice& device = *built.device;
  const uint32_t last_page = swap.WriteTo(device);
  const SwapHeader header = ReadSwapHeader(device, swap.page_size).TakeValue();
  built.stamp = PlanRegion(header, region_bytes).TakeValue();
  built.stamp.region_id = {'t', 'e', 's', 't', ' ', 'r', 'e', 'g', 'i', 'o', 'n', ' ', 'o', 'n', 'e', '.'};
  // Old swap pages where messages will go: nothing may depend on zeros there.
  const Region region = built.region();
  device.FillRandom({region.DeviceOffset(region.slots().begin), region.DeviceOffset(region.slots().begin) + 64 * kKiB},
                    1);
  WriteRegion(device, built.stamp).TakeValue();
  WriteLastPage(device, last_page, LoweredLastPage(built.stamp)).TakeValue();
  device.ClearLog();

  built.identity.name = "vda2";
  built.identity.disk_name = "vda";
  built.identity.device_number = makedev(254, 2);
  built.identity.size = device_bytes;
  built.identity.disk_size = device_bytes + 64 * kMiB;
  built.identity.logical_block_size = logical_block_size;
  built.identity.start_sector = 2048;
  built.identity.serial = serial;
  built.identity.model = "Model A";
  built.identity.part_uuid = "0a1b2c3d-0001-4000-8000-0123456789ab";
  built.identity.drivers = {{"virtio_pci", "pci:v00001AF4d00001042"}, {"virtio_blk", "virtio:d00000002v00001AF4"}};
  built.description.devices.push_back(DescribeDevice(device, built.identity, swap.page_size).TakeValue());
  const uint64_t data = region.data().begin;
  built.description.extents.push_back({0, {data, data + kMiB}});
  built.device->ClearLog();
  return built;
}

}  // namespace crashdump
