/* One frame from the device to the stack, or from the stack to the device. */
#include "driver.h"

/* Connections find out by their timeouts, new calls at once by ENETUNREACH. */
void driver_device_lose(struct driver *driver) {
    driver->device_lost = true;
    if (driver->listener.device != NULL) {
        driver->listener.device(driver->listener.ctx, DRIVER_DEVICE_GONE);
    }
    (void)tapir_netif_set_up(driver->stack, driver->netif, false, driver_clock_now());
}

/* The kernel refuses a frame for a TAP whose host side is down (EIO), and takes the next one once it is up. */
static void watch_device(struct driver *driver, int write_result) {
    bool down = write_result == -EIO;
    if (write_result != 0 && !down) {
        return;
    }
    if (down != driver->device_down && driver->listener.device != NULL) {
        driver->listener.device(driver->listener.ctx, down ? DRIVER_DEVICE_DOWN : DRIVER_DEVICE_UP);
    }
    driver->device_down = down;
}

struct tapir_frame *driver_device_frame(struct driver *driver) {
    if (driver->frame == NULL) {
        driver->frame = tapir_frame_alloc(driver->stack, TAPIR_FRAME_MAX_BYTES);
    }
    if (driver->frame != NULL) {
        driver->frame->data = driver->frame->storage + TAPIR_FRAME_HEADROOM_BYTES;
        driver->frame->len = 0;
    }
    return driver->frame;
}

bool driver_device_has_memory(struct driver *driver) {
    struct tapir_frame *next =
        driver_device_frame(driver) == NULL ? NULL : tapir_frame_alloc(driver->stack, TAPIR_FRAME_MAX_BYTES);
    bool fits = next != NULL;
    tapir_frame_release(next);
    return fits;
}

uint32_t driver_device_read(struct driver *driver, uint64_t now_us, bool *output_first) {
    struct tapir_frame *frame = driver->device_lost ? NULL : driver_device_frame(driver);
    if (frame == NULL) {
        return 0;
    }
    driver->holder->place = DRIVER_AT_DEVICE;
    int result = driver->device->ops->read(driver->device, frame);
    driver->holder->place = DRIVER_AT_WORK;
    if (result < 0) {
        driver_device_lose(driver);
    }
    if (result <= 0) {
        return 0;
    }
    uint32_t len = frame->len;
    *output_first = tapir_stack_input(driver->stack, driver->netif, frame, now_us);
    if (frame->refs > 1) { /* some of it is kept: it goes with the last reference */
        tapir_frame_release(frame);
        driver->frame = NULL;
    }
    return len;
}

bool driver_device_write(struct driver *driver, uint64_t now_us) {
    if (tapir_stack_output(driver->stack, driver->netif, &driver->out, now_us) == 0) {
        return false;
    }
    if (!driver->device_lost) {
        driver->holder->place = DRIVER_AT_DEVICE;
        int result = driver->device->ops->write(driver->device, &driver->out);
        driver->holder->place = DRIVER_AT_WORK;
        watch_device(driver, result);
    }
    return true;
}
