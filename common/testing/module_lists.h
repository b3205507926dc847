// SPDX-License-Identifier: GPL-2.0-or-later
// A modules.dep and a modules.alias, as depmod makes them, for tests.
#pragma once

namespace crashdump {

inline constexpr const char* kModulesDep =
    "kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio_ring.ko kernel/drivers/virtio/virtio.ko\n"
    "kernel/drivers/virtio/virtio.ko:\n"
    "kernel/drivers/virtio/virtio_ring.ko: kernel/drivers/virtio/virtio.ko\n"
    "kernel/lib/crc-t10dif.ko:\n"
    "kernel/drivers/nvme/host/nvme-core.ko: kernel/lib/crc-t10dif.ko";

inline constexpr const char* kModulesAlias =
    "# Aliases extracted from modules themselves.\n"
    "alias virtio:d00000002v* virtio_blk\n"
    "alias pci:v*d*sv*sd*bc01sc08i02* nvme-core\n"
    "alias pci:v00001234d*sv*sd*bc01sc08i02* virtio\n"
    "alias pci:v00009999* not_packed\n"
    "alias";

}  // namespace crashdump
