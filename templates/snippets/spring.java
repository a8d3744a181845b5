// Spring Boot: a page that shows which copy of the server answered. Save this as ServedByController.java in the folder of your
// application class, with that class's package line at the top; then open /served-by and reload. (Before Spring Boot 3 it is
// javax.servlet in place of jakarta.servlet.)
import jakarta.servlet.http.HttpServletRequest;
import org.springframework.http.CacheControl;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@RestController
class ServedByController {
    @GetMapping("/served-by")
    ResponseEntity<String> servedBy(HttpServletRequest request) {
        // The port of the socket that the request came in on. getServerPort would be the one in the browser's address, which is
        // the balancer's.
        String told = System.getenv("LBDEV_PORT");
        String port = told != null ? told : String.valueOf(request.getLocalPort());
        return ResponseEntity.ok()
                .cacheControl(CacheControl.noStore()) // a reload asks again
                .contentType(MediaType.TEXT_HTML)
                .body("<h1>Served on port " + port + "</h1>");
    }
}
