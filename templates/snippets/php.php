<?php
// PHP: a page that shows which copy of the server answered. Save this as served-by.php in the folder that is served (where
// index.php is; in Laravel and Symfony that is "public"), then open /served-by.php and reload.

// The port of the socket that the request came in on, and not the one in the browser's address: that is the balancer's.
$port = getenv('LBDEV_PORT') ?: $_SERVER['SERVER_PORT'];
header('Cache-Control: no-store'); // a reload asks again
?>
<h1>Served on port <?= (int) $port ?></h1>
